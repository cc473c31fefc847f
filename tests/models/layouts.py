"""The weights that transformers gives, as matrices, cell by cell: some families give them in a form of their own."""

import numpy as np

GIVEN_BEFORE_SOFTMAX = {("prophetnet", "encoder"), ("prophetnet", "cross"), ("squeezebert", "self")}


def as_matrices(config, kind, given, size):
    """Return float32 [head, query, key] of each layer that looks from token to token; the rest are left out."""
    matrices = []
    if (config.model_type, kind) in GIVEN_BEFORE_SOFTMAX:
        given = [layer.softmax(dim=-1) for layer in given]
    for index, layer in enumerate(given):
        match config.model_type, kind:
            case ("longformer", "self") | ("led", "encoder"):
                matrices.append(_band(layer[0].numpy(), config.attention_window[index] // 2))
            case ("longt5", "encoder"):
                length = config.local_radius + 1
                matrices.append(_blocks(layer[0].transpose(0, 1).numpy(), size, first=0, before=length))
            case ("pegasus_x", "encoder"):
                local = layer["local"][0].numpy()[..., config.num_global_tokens :]
                matrices.append(_blocks(local, size, first=config.block_size // 2 * (index % 2), before=0))
            case ("reformer", "self") if config.attn_layers[index] == "local":
                before = config.local_num_chunks_before * config.local_attn_chunk_length
                matrices.append(_blocks(layer[0].numpy(), size, first=0, before=before))
            case ("reformer", "self") | ("prophetnet", "cross") | ("deepseek_v4", "self"):
                matrices.append(layer[0, :, : size[0], : size[1]].numpy())
            case _ if layer is not None and tuple(layer.shape[-2:]) == size:
                matrices.append(layer[0].numpy())
    return matrices


def _band(layer, reach):
    n_heads, n_queries, width = layer.shape
    matrix = np.zeros((n_heads, n_queries, n_queries), np.float32)
    for query in range(n_queries):
        for place in range(width):
            key = query + place - reach
            if 0 <= key < n_queries:
                matrix[:, query, key] = layer[:, query, place]
            else:
                assert not layer[:, query, place].any()
    return matrix


def _blocks(layer, size, first, before):
    """first: how far before the text the first block begins; before: how far before its queries a block's keys do."""
    n_heads, n_blocks, length, n_keys = layer.shape
    matrix = np.zeros((n_heads, *size), np.float32)
    for block in range(n_blocks):
        for place in range(length):
            query = block * length + place - first
            for key_place in range(min(n_keys, before + 2 * length)):
                key = block * length + key_place - first - before
                if 0 <= query < size[0]:
                    if 0 <= key < size[1]:
                        matrix[:, query, key] = layer[:, block, place, key_place]
                    else:
                        assert layer[:, block, place, key_place].max() == 0.0
    return matrix
