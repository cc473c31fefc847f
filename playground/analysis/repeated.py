"""A text of repeated random tokens, on which induction heads show themselves.

Olsson et al. 2022 (arXiv 2209.11895): no statistics of language can tell what follows in random tokens, only what
followed the same token earlier in the text.
"""

import numpy as np

from playground.models.loading import LoadedModel
from playground.records import PlaygroundError

BLOCK = 25  # random tokens, as in the paper ...
REPEATS = 4  # ... and how often they come


def repeated_ids(loaded: LoadedModel, seed: int = 7) -> tuple[int, ...]:
    """Return a start token, where the tokenizer has one, and a block of random tokens four times over.

    The tokens of a block differ from each other and are no special ones; the block is shorter where the context
    is short. Raises PlaygroundError where not even three tokens a block would fit.
    """
    start = loaded.tokenizer.bos_token_id
    if start is None:
        start = loaded.tokenizer.cls_token_id
    begin = () if start is None else (int(start),)
    n_rows = min(loaded.model.get_input_embeddings().num_embeddings, len(loaded.tokenizer))
    ordinary = [id for id in range(n_rows) if id not in loaded.codec.special_ids]
    context = loaded.spec.context_length
    room = BLOCK if context is None else (context - len(begin)) // REPEATS
    n_block = min(BLOCK, room, len(ordinary))
    if n_block < 3:
        raise PlaygroundError(
            f"{loaded.spec.name} reads {context} tokens and knows {len(ordinary)}: "
            f"too few for random tokens that come {REPEATS} times."
        )
    block = np.random.default_rng(seed).choice(ordinary, n_block, replace=False)
    return begin + tuple(int(id) for id in block) * REPEATS
