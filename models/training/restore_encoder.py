"""From an encoder's artifact back to a bi-encoder that can be trained on."""

from pathlib import Path

from sentence_transformers.sentence_transformer.modules import Normalize
from transformers import BertModel

from models.artifact import Artifact
from models.encoder import EncoderSettings
from models.training.bi_encoder import BiEncoder, assemble, bert_modules
from models.training.restore import read_bert, restored_tokenizer, tensors
from store.errors import InvalidInput


def restore_encoder(artifact: Artifact, out: Path) -> None:
    """Write an encoder that `lector compress` made of one BERT, or of two, as sentence-transformers do, in fp32.

    Raises:
        InvalidInput: a graph of the artifact is not a fused BERT's, or its embeddings are cut.
    """
    settings = artifact.settings(EncoderSettings)
    towers = []
    for path in (artifact.question_path, artifact.model_path):
        if path:
            bert = read_bert(path, products_after=0)
            if settings.dimension != bert.config.hidden_size:
                raise InvalidInput(
                    f"the embeddings of {artifact.folder} are cut to {settings.dimension} of {bert.config.hidden_size} "
                    "dimensions; train from its source"
                )
            network = BertModel(bert.config, add_pooling_layer=False)
            network.load_state_dict(tensors(bert.state))
            modules = bert_modules(network, restored_tokenizer(artifact), settings.max_length, settings.pooling)
            towers.append([*modules, *([Normalize()] if settings.normalize else [])])
    prompts = {"query": settings.question_prefix, "document": settings.passage_prefix}
    model = assemble(towers, "cosine" if settings.normalize else "dot", prompts)
    BiEncoder(model, settings.title_separator).save(out)
