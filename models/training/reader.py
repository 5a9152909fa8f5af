"""Fine-tuning a reader: the whole of `lector train reader`, to be read from top to bottom."""

import json
import random
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from tqdm import tqdm
from transformers import PreTrainedTokenizerBase

from models.compression.export import load_tokenizer, longest_input
from models.compression.record import RECORD
from models.evaluation.reader import predict, score
from models.evaluation.squad import Question, read_squad
from models.reader import Reader, ReaderSettings
from models.spans import Logits
from models.training.checkpoint import RunState, claim
from models.training.config import Distillation, ReaderTraining, check_teachers
from models.training.distillation import SoftTargets, Teachers, attention_loss, hidden_loss, soft_loss
from models.training.examples import Batch, Example, batches, build_examples, collate, fingerprint, hide_tokens
from models.training.network import SpanOutput, forward, freeze_embeddings, keep_layers, load_network
from models.training.optimization import LinearSchedule, adamw
from models.training.precision import choose_precision
from models.training.source import model_source
from models.windows import Window
from store.errors import InvalidInput


def train_reader(config: ReaderTraining, data: Path, out: Path, teachers: Sequence[str] = ()) -> dict[str, float]:
    """Train a reader and write it to `out/model` (Hugging Face format, for `lector compress`) with its record.

    A run that was interrupted, however it was, goes on from its last checkpoint in `out` when it is called again.

    Args:
        config: what to train, and on what.
        data: folder of the configuration's files.
        out: folder of the run.
        teachers: readers to distil from: shipped names, artifacts' or Hugging Face directories, or hub names. Several
            teach as an ensemble. They must share the student's tokenizer.

    Returns:
        F1 on the tuning files, by file name, in percent.

    Raises:
        InvalidInput: a file, a layer or a teacher does not fit, there is a section [distillation] and no teacher, or
            `out` holds a run that began otherwise.
    """
    check_teachers(config, teachers)
    torch.manual_seed(config.seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    dtype = choose_precision(config.precision, device)
    out.mkdir(parents=True, exist_ok=True)
    base, base_card = model_source(config.base, out / "base")
    hf_tokenizer = load_tokenizer(base)
    tokenizer: Tokenizer = hf_tokenizer.backend_tokenizer
    tokenizer.no_truncation()
    tokenizer.no_padding()
    network = load_network(base, config.dropout, device, config.distillation.attention > 0)
    _check_lengths(config, longest_input(network))
    if config.layers:
        keep_layers(network, config.layers)
    if config.freeze_embeddings:
        freeze_embeddings(network)
    ensemble = [_teacher(name, out / "teacher", config, tokenizer, device) for name in teachers]
    for name, teacher in zip(teachers, ensemble, strict=True):
        _check_shapes(config, name, teacher, network)
    teaching = Teachers(ensemble, config.distillation, device, dtype) if ensemble else None
    tuning = {str(path): _sample(read_squad(data / path), config.evaluate_questions) for path in config.tune}

    examples = build_examples(config, data, tokenizer)
    plan = batches(examples, config.batch_tokens, config.seed)
    claim(out, config, teachers, fingerprint(examples))
    optimizer = adamw(network, config.learning_rate, config.weight_decay)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, LinearSchedule(len(plan), config.warmup, config.final_rate))
    hide = _hiding(config, hf_tokenizer)
    state = RunState(network, optimizer, schedule, averaged=config.average_from < 1)
    state.load(out / "checkpoint.pt")

    saved = time.monotonic()
    tokens = [sum(map(len, batch)) for batch in plan]
    done = sum(tokens[: state.step])
    bar = tqdm(total=sum(tokens), initial=done, unit="tok", unit_scale=True, mininterval=5, smoothing=0.02)
    losses: list[float] = []
    for chosen in plan[state.step :]:
        network.train()
        batch = collate(chosen, pad_id=hf_tokenizer.pad_token_id)
        targets = teaching.targets(chosen, batch) if teaching else None
        loss = _loss(network, hide(batch, state.step), targets, config.distillation, device, dtype)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        state.step += 1
        if state.averaged and state.step > config.average_from * len(plan):
            state.averaged.update_parameters(network)
        losses = [*losses[-49:], loss.item()]
        bar.update(sum(map(len, chosen)))
        bar.set_postfix(loss=f"{np.mean(losses):.3f}", step=f"{state.step}/{len(plan)}")
        last = state.step == len(plan)
        if last or state.step % config.evaluate_steps == 0:
            scores = evaluate(state.result, tokenizer, tuning, config, device, dtype)
            state.history.append({"step": state.step, "loss": float(np.mean(losses)), **scores})
            bar.write(json.dumps(state.history[-1]))
        if last or time.monotonic() - saved > 60 * config.checkpoint_minutes:
            saved = time.monotonic()
            state.save(out / "checkpoint.pt")
    bar.close()

    state.result.save_pretrained(out / "model")  # type: ignore[operator]
    hf_tokenizer.save_pretrained(out / "model")
    record = {
        "config": config.model_dump(mode="json"),
        "windows": len(examples),
        "tokens": sum(tokens),
        "teachers": list(teachers),
        "flops": _flops(network, ensemble) * sum(tokens),
        "hours": round(state.seconds / 3600, 3),
        "device": str(device),
        "precision": str(dtype).removeprefix("torch."),
        "history": state.history,
    }
    if base_card is not None:
        record["base_card"] = base_card.model_dump(mode="json", include={"name", "base", "trained_on", "training"})
    (out / "model" / RECORD).write_text(json.dumps(record, indent=1), encoding="utf-8")
    return {name: value for name, value in state.history[-1].items() if name not in ("step", "loss")}


def span_loss(output: SpanOutput, batch: Batch) -> Tensor:
    """Mean cross-entropy of the start and the end position (Devlin et al. 2019, section 4.2)."""
    starts = torch.from_numpy(batch.starts).to(output.start.device)
    ends = torch.from_numpy(batch.ends).to(output.end.device)
    return (nn.functional.cross_entropy(output.start, starts) + nn.functional.cross_entropy(output.end, ends)) / 2


def evaluate(
    network: nn.Module,
    tokenizer: Tokenizer,
    tuning: dict[str, list[Question]],
    config: ReaderTraining,
    device: torch.device,
    dtype: torch.dtype,
) -> dict[str, float]:
    """F1 in percent by tuning file, with the same windows and spans as in service."""
    network.eval()

    def logits(windows: Sequence[Window]) -> Iterator[tuple[Logits, Logits]]:
        found: dict[int, tuple[Logits, Logits]] = {}
        for chosen in batches([Example(w, 0, 0) for w in windows], config.batch_tokens, seed=0):
            with torch.inference_mode():
                output = forward(network, collate(chosen, pad_id=0), device, dtype)
            rows = zip(chosen, output.start.cpu().numpy(), output.end.cpu().numpy(), strict=True)
            found |= {id(example.window): (s, e) for example, s, e in rows}
        return (found[id(window)] for window in windows)

    settings = ReaderSettings(
        max_length=config.max_length,
        doc_stride=config.doc_stride,
        max_answer_tokens=config.max_answer_tokens,
        closer_look=0,  # it would take as long again, and rank stages alike
    )
    reader = Reader(tokenizer, logits, settings)
    return {name: score(predict(reader, questions), null_threshold=0.0)["f1"] for name, questions in tuning.items()}


def _loss(
    network: nn.Module,
    batch: Batch,
    targets: SoftTargets | None,
    settings: Distillation,
    device: torch.device,
    dtype: torch.dtype,
) -> Tensor:
    """The labels' loss, mixed with the teachers' where there are any."""
    if targets is None:
        return span_loss(forward(network, batch, device, dtype), batch)
    output = forward(network, batch, device, dtype, bool(targets.hidden), targets.attention is not None)
    hard, soft = span_loss(output, batch), soft_loss(output, targets, settings.temperature)
    loss = (1 - settings.alpha) * hard + settings.alpha * soft
    mask = torch.from_numpy(batch.mask).to(device)
    if targets.hidden:
        loss = loss + settings.hidden * hidden_loss(output, targets, mask)
    if output.attention is not None and targets.attention is not None:
        loss = loss + settings.attention * attention_loss(output.attention, targets.attention, mask)
    return loss


def _teacher(name: str, folder: Path, config: ReaderTraining, tokenizer: Tokenizer, device: torch.device) -> nn.Module:
    source, _ = model_source(name, folder)
    theirs: Tokenizer = load_tokenizer(source).backend_tokenizer
    if theirs.get_vocab() != tokenizer.get_vocab():
        raise InvalidInput(f"teacher {name} has another vocabulary than the student; their tokens must be the same")
    network = load_network(source, 0.0, device, config.distillation.attention > 0, trained=True)
    return network.eval().requires_grad_(False)


def _check_shapes(config: ReaderTraining, name: str, teacher: nn.Module, student: nn.Module) -> None:
    theirs, own = _shape(teacher), _shape(student)
    for what, counted in (("hidden", "dimensions"), ("attention", "heads")):
        weight = getattr(config.distillation, what)
        if weight and theirs[what] != own[what]:
            raise InvalidInput(
                f"{what} = {weight}: {name} has {theirs[what]} {counted} and {config.base} {own[what]}, so the two "
                "cannot be compared; leave it out"
            )


def _shape(network: nn.Module) -> dict[str, int]:
    settings: Any = network.config
    return {"hidden": settings.hidden_size, "attention": settings.num_attention_heads}


def _check_lengths(config: ReaderTraining, longest: int | None) -> None:
    wanted = max(config.max_length, *(chosen.max_length or 0 for chosen in config.train))
    if longest is not None and wanted > longest:
        raise InvalidInput(f"max_length = {wanted}: {config.base} takes {longest} tokens at most")


def _flops(network: nn.Module, teachers: Sequence[nn.Module]) -> float:
    """Arithmetic of a training token: 6 for each of the student's weights, 2 for each of its teachers'.

    (Kaplan et al. 2020; embeddings are looked up, not multiplied.)
    """

    def weights(module: nn.Module) -> int:
        return sum(p.numel() for name, p in module.named_parameters() if "embeddings" not in name)

    return 6.0 * weights(network) + 2.0 * sum(map(weights, teachers))


def _hiding(config: ReaderTraining, tokenizer: PreTrainedTokenizerBase) -> Callable[[Batch, int], Batch]:
    """What hides tokens of a step's batch, drawn by the step's number, so that a resumed run draws the same."""
    if not config.masked:
        return lambda batch, _: batch
    if tokenizer.mask_token_id is None:
        raise InvalidInput(f"masked = {config.masked}: the tokenizer of {config.base} has no mask token")
    mask, kept = int(tokenizer.mask_token_id), list(map(int, tokenizer.all_special_ids))
    return lambda batch, step: hide_tokens(batch, config.masked, mask, kept, np.random.default_rng((config.seed, step)))


def _sample(questions: list[Question], count: int) -> list[Question]:
    return random.Random(0).sample(questions, min(count, len(questions)))
