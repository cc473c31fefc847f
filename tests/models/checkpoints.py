"""Tiny models with random weights, one for each family that the project treats differently, and their tokenizers."""

from collections import Counter
from itertools import pairwise

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import (
    BartConfig,
    BartForConditionalGeneration,
    BertConfig,
    BertForMaskedLM,
    FalconConfig,
    FalconForCausalLM,
    Gemma2Config,
    Gemma2ForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    GPTJConfig,
    GPTJForCausalLM,
    GptOssConfig,
    GptOssForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    MarianConfig,
    MarianMTModel,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    T5Config,
    T5ForConditionalGeneration,
)

CONTEXT = 64
VOCABULARY = 400
# Random weights hardly ever choose one particular token; of these some are chosen
ENDS = [2, 40, 77, 120, 199, 230, 260, 300, 311, 350, 390]

CORPUS = [
    "Peter Rabbit and his brothers ran down the hill, past the mill, to see who could jump the farthest.",
    "Grandmother told them many stories by the fire while winter winds were blowing around the chimney.",
    "Once upon a time there was a little girl who lived in a little house by the wood.",
    'The fox said to the girl, "Where are you going?" and the girl said, "I\'m going home."',
    "Une petite fille habitait près de la forêt. Это слова. שלום. 中文文本 and 12,345 numbers!",
]


def byte_level_tokenizer() -> PreTrainedTokenizerFast:
    """As of GPT-2: every byte is a token, so any text can be read."""
    before = pre_tokenizers.ByteLevel(add_prefix_space=False)
    pieces = ["<|end|>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
    tokenizer = Tokenizer(_bpe(pieces, before))
    tokenizer.pre_tokenizer = before
    tokenizer.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<|end|>", eos_token="<|end|>")


def sentencepiece_tokenizer() -> PreTrainedTokenizerFast:
    """As of Llama: a mark for spaces, and bytes for characters that are not in the vocabulary."""
    before = pre_tokenizers.Metaspace()
    # As special tokens the bytes would be left out when decoding
    pieces = ["<unk>", "<s>", "</s>", "<pad>", *(f"<0x{byte:02X}>" for byte in range(256))]
    tokenizer = Tokenizer(_bpe([*pieces, *"abcdefghijklmnopqrstuvwxyz▁.,'\"!?"], before, byte_fallback=True))
    tokenizer.pre_tokenizer = before
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="<unk>", bos_token="<s>", eos_token="</s>", pad_token="<pad>"
    )


def wordpiece_tokenizer() -> PreTrainedTokenizerFast:
    """As of BERT: lower case, no accents, spaces thrown away."""
    letters = sorted({letter for text in CORPUS for letter in text.lower() if letter.isascii() and letter != " "})
    words = sorted({word for text in CORPUS for word in text.lower().split() if word.isascii() and word.isalpha()})
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{letter}" for letter in letters), *words]
    vocabulary = {piece: id for id, piece in enumerate(dict.fromkeys(pieces))}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    )


def _bpe(pieces: list[str], before: pre_tokenizers.PreTokenizer, byte_fallback: bool = False) -> models.BPE:
    """Return byte-pair encoding learnt from the corpus; the trainer of `tokenizers` breaks ties by chance."""
    words = [[*word] for text in CORPUS for word, _ in before.pre_tokenize_str(text)]
    merges: list[tuple[str, str]] = []
    while len(pieces) < VOCABULARY:
        known = {*pieces}
        pairs = Counter(pair for word in words for pair in pairwise(word) if "".join(pair) not in known)
        pairs = Counter({pair: n for pair, n in pairs.items() if known.issuperset(pair)})
        if not pairs:
            break  # models have rows that their tokenizer does not know, here as elsewhere
        best = max(pairs, key=lambda pair: (pairs[pair], pair))
        merges.append(best)
        pieces = [*pieces, "".join(best)]
        words = [_merge(word, best) for word in words]
    vocabulary = {piece: id for id, piece in enumerate(pieces)}
    return models.BPE(vocabulary, merges, byte_fallback=byte_fallback, unk_token="<unk>" if byte_fallback else None)


def _merge(word: list[str], pair: tuple[str, str]) -> list[str]:
    merged: list[str] = []
    for piece in word:
        if merged and (merged[-1], piece) == pair:
            merged[-1] += piece
        else:
            merged.append(piece)
    return merged


_SIZES = {"vocab_size": VOCABULARY, "max_position_embeddings": CONTEXT}
_NARROW = {**_SIZES, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
_ENDS = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 3}


def build_model(family: str) -> PreTrainedModel:
    """Return a model of the family, wide awake: its weights are large enough for its choices to differ."""
    torch.manual_seed(0)
    model = _BUILDERS[family]().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.normal_(0.0, 0.25)
    return model


_BUILDERS = {
    "gpt2": lambda: GPT2LMHeadModel(
        GPT2Config(
            vocab_size=VOCABULARY,
            n_positions=CONTEXT,
            n_embd=32,
            n_layer=2,
            n_head=4,
            bos_token_id=0,
            eos_token_id=0,
        )
    ),
    "llama": lambda: LlamaForCausalLM(LlamaConfig(**_NARROW, **_ENDS, num_key_value_heads=2)),
    "gemma2": lambda: Gemma2ForCausalLM(
        Gemma2Config(
            **_NARROW, **_ENDS, num_key_value_heads=2, head_dim=8, attn_logit_softcapping=2.0, sliding_window=6
        )
    ),
    "gpt_oss": lambda: GptOssForCausalLM(
        GptOssConfig(
            **_NARROW,
            **_ENDS,
            num_key_value_heads=2,
            head_dim=8,
            num_local_experts=2,
            num_experts_per_tok=1,
            sliding_window=6,
            layer_types=["sliding_attention", "full_attention"],
            rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
        )
    ),
    "gptj": lambda: GPTJForCausalLM(
        GPTJConfig(
            vocab_size=VOCABULARY,
            n_positions=CONTEXT,
            n_embd=32,
            n_layer=2,
            n_head=4,
            rotary_dim=4,
            bos_token_id=0,
            eos_token_id=0,
        )
    ),
    "falcon": lambda: FalconForCausalLM(
        FalconConfig(
            vocab_size=VOCABULARY,
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=CONTEXT,
            bos_token_id=0,
            eos_token_id=0,
        )
    ),
    "bert": lambda: BertForMaskedLM(BertConfig(**_NARROW)),
    "bart": lambda: BartForConditionalGeneration(
        BartConfig(
            vocab_size=VOCABULARY,
            max_position_embeddings=CONTEXT,
            d_model=32,
            encoder_layers=2,
            decoder_layers=3,
            encoder_attention_heads=4,
            decoder_attention_heads=4,
            encoder_ffn_dim=48,
            decoder_ffn_dim=48,
            bos_token_id=0,
            eos_token_id=0,
            pad_token_id=1,
            decoder_start_token_id=0,
            forced_eos_token_id=None,
        )
    ),
    "marian": lambda: MarianMTModel(
        MarianConfig(
            vocab_size=VOCABULARY,
            max_position_embeddings=CONTEXT,
            d_model=32,
            encoder_layers=3,
            decoder_layers=2,
            encoder_attention_heads=4,
            decoder_attention_heads=2,
            encoder_ffn_dim=48,
            decoder_ffn_dim=48,
            eos_token_id=2,
            pad_token_id=3,
            decoder_start_token_id=3,
            forced_eos_token_id=None,
        )
    ),
    "t5": lambda: T5ForConditionalGeneration(
        T5Config(
            vocab_size=VOCABULARY,
            d_model=32,
            d_kv=8,
            d_ff=48,
            num_layers=2,
            num_heads=4,
            eos_token_id=2,
            pad_token_id=3,
            decoder_start_token_id=3,
        )
    ),
}

TOKENIZERS = {
    "gpt2": byte_level_tokenizer,
    "gptj": byte_level_tokenizer,
    "falcon": byte_level_tokenizer,
    "bart": byte_level_tokenizer,
    "llama": sentencepiece_tokenizer,
    "gemma2": sentencepiece_tokenizer,
    "gpt_oss": sentencepiece_tokenizer,
    "marian": sentencepiece_tokenizer,
    "t5": sentencepiece_tokenizer,
    "bert": wordpiece_tokenizer,
}
