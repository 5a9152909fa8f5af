"""Fine-tuning a bi-encoder: the whole of `lector train retriever`, to be read from top to bottom."""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from models.compression.record import RECORD
from models.encoder import Encoder, TextEncoder
from models.evaluation.dense import Trial
from models.evaluation.judgements import Judgements
from models.evaluation.sources import read_judgements
from models.training.bi_encoder import BiEncoder, load_bi_encoder
from models.training.checkpoint import RunState, claim
from models.training.config import check_teachers
from models.training.kept_passages import KeptPassages
from models.training.negatives import RunNegatives
from models.training.network import attention_for, freeze_embeddings, replace_dropout
from models.training.optimization import LinearSchedule, adamw
from models.training.pairs import PairData, deal, held_out_texts, read_pair_data
from models.training.precision import choose_precision
from models.training.retriever_config import RetrieverTraining
from models.training.retriever_loss import build_loss
from models.training.retriever_teacher import MarginTeachers, load_teacher
from models.training.source import model_source
from store.errors import InvalidInput


def train_retriever(config: RetrieverTraining, data: Path, out: Path, teachers: Sequence[str] = ()) -> dict[str, float]:
    """Train a bi-encoder and write it to `out/model` (sentence-transformers' format) with its record.

    A run that was interrupted, however it was, goes on from its last checkpoint in `out` when it is called again.

    Args:
        config: what to train, and on what.
        data: folder of the configuration's files.
        out: folder of the run.
        teachers: models to distil from: cross-encoders, or bi-encoders of any kind that `base` may be. Several teach
            with the mean of their margins.

    Returns:
        nDCG@10 and recall@10 on each tuning source, in percent.

    Raises:
        InvalidInput: a file, a setting or a teacher does not fit, there is a section [distillation] and no teacher, or
            `out` holds a run that began otherwise.
        NotFound: a file is missing.
    """
    check_teachers(config, teachers)
    if teachers and not config.negatives.count:
        raise InvalidInput("a teacher's margins are over hard negatives; set negatives.count to 1 or more")
    torch.manual_seed(config.seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    out.mkdir(parents=True, exist_ok=True)
    base, base_card = model_source(config.base, out / "base", "encoder")
    model = _load(config, base, device)
    teaching = MarginTeachers([load_teacher(name, device) for name in teachers]) if teachers else None
    judged = {t.name: _judgements(data, t.source, t.split, t.corpus) for t in config.tune}
    trials = {name: Trial.of(j, config.evaluate_questions, config.evaluate_passages) for name, j in judged.items()}

    found = read_pair_data(config, data, held_out_texts(judged.values()))
    plan = deal(found, config.batch_size, config.seed)
    claim(out, config, teachers, json.dumps([found.pairs, found.passages, plan], default=vars).encode())
    kept = _kept(config, model, found, out)
    encoder = kept or model
    negatives = RunNegatives(config, found, plan, encoder, out)
    loss_of = build_loss(model, config)
    optimizer = adamw(model, config.learning_rate, config.weight_decay)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, LinearSchedule(len(plan), config.warmup, config.final_rate))
    state = RunState(model, optimizer, schedule)
    state.load(out / "checkpoint.pt")
    if trials and not state.history:
        state.history.append({"step": 0, **_evaluate(encoder, trials)})

    saved = time.monotonic()
    bar = tqdm(
        total=len(plan) * config.batch_size, initial=state.step * config.batch_size, unit="questions", mininterval=5
    )
    losses: list[float] = []
    for numbers in plan[state.step :]:
        columns = negatives.columns(numbers, state.step)
        model.train()
        pairs = [found.pairs[number] for number in numbers]
        passages = [[found.passages[n] for n in column] for column in columns]
        features = [model.features("query", [pair.question for pair in pairs], config.max_length)]
        if kept:
            features += map(kept.features, columns)
        else:
            texts = [model.join([p.text for p in column], [p.title for p in column]) for column in passages]
            features += [model.features("document", column, config.max_length) for column in texts]
        margins = teaching.margins([pair.question for pair in pairs], passages).to(device) if teaching else None
        loss = loss_of(features, margins)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        state.step += 1
        losses = [*losses[-49:], loss.item()]
        bar.update(len(numbers))
        bar.set_postfix(loss=f"{np.mean(losses):.3f}", step=f"{state.step}/{len(plan)}")
        last = state.step == len(plan)
        if last or state.step % config.evaluate_steps == 0:
            state.history.append({"step": state.step, "loss": float(np.mean(losses)), **_evaluate(encoder, trials)})
            bar.write(json.dumps(state.history[-1]))
        if last or time.monotonic() - saved > 60 * config.checkpoint_minutes:
            saved = time.monotonic()
            state.save(out / "checkpoint.pt")
    bar.close()

    model.save(out / "model")
    record: dict[str, Any] = {
        "config": config.model_dump(mode="json"),
        "questions": len(plan) * config.batch_size,
        "passages": len(found.passages),
        "teachers": list(teachers),
        "hours": round(state.seconds / 3600, 3),
        "device": str(device),
        "precision": str(model.dtype).removeprefix("torch."),
        "history": state.history,
    }
    if base_card is not None:
        record["base_card"] = base_card.model_dump(mode="json", include={"name", "base", "trained_on", "training"})
    (out / "model" / RECORD).write_text(json.dumps(record, indent=1), encoding="utf-8")
    return {name: value for name, value in state.history[-1].items() if name not in ("step", "loss")}


def _load(config: RetrieverTraining, base: str, device: torch.device) -> BiEncoder:
    """The model to be trained, in its precision and on its device."""
    model = load_bi_encoder(
        base,
        shared=config.shared,
        title_separator=config.title_separator,
        attention=attention_for(device),
    )
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = config.dropout
    if device.type == "cpu":
        replace_dropout(model)
    if config.freeze_embeddings:
        freeze_embeddings(model)
    if config.keep_passages:
        nn.ModuleList(model.modules_of("document")).requires_grad_(False)
    longest = model.model.max_seq_length
    if config.max_length and longest and config.max_length > longest:
        raise InvalidInput(f"max_length = {config.max_length}: {config.base} takes {longest} tokens at most")
    model.dtype = choose_precision(config.precision, device)
    return model.to(device)


def _kept(config: RetrieverTraining, model: BiEncoder, found: PairData, out: Path) -> KeptPassages | None:
    """The passages of a training that an artifact embeds, if one is to be kept."""
    if config.keep_passages is None:
        return None
    return KeptPassages(model, Encoder.load(config.keep_passages), found.passages, out / "passages.npy")


def _judgements(data: Path, source: Path, split: str, corpus: Path | None) -> Judgements:
    return read_judgements(data / source, split, data / corpus if corpus else None)


def _evaluate(encoder: TextEncoder, trials: dict[str, Trial]) -> dict[str, float]:
    return {f"{name} {metric}": value for name, t in trials.items() for metric, value in t.measure(encoder).items()}
