"""The page's own kind of gr.Blocks: what an event leaves as it is costs nothing, and neither does waiting for one."""

from copy import copy
from typing import Any

import gradio as gr
from gradio.blocks import BlockFunction, convert_component_dict_to_list
from gradio.state_holder import SessionState

SKIPPED = gr.skip()
# How often the server looks whether an event waits, and whether one has progress to tell. Gradio looks every 1 and 10
# ms, for which a server at rest takes 3.5 % of a core, and each time one that decodes has to let go.
LOOK_S = 0.005
LOOK_FOR_PROGRESS_S = 0.05


class Page(gr.Blocks):
    """A page on which components that an event does not change are neither built anew nor sent.

    Gradio builds a component anew for each output of an event, also for those that a handler skips or does not name,
    1 to 2.5 ms each, and sends those that are HTML, which the browser then asks for their values: of forty outputs of
    a click on a token, and of the dozen of each message of a run, most stay as they are.
    """

    def queue(self, *args: Any, **kwargs: Any) -> "Page":
        """Begin a queue, as Gradio does, that looks less often whether something waits."""
        super().queue(*args, **kwargs)
        self._queue.sleep_when_free = LOOK_S
        self._queue.progress_update_sleep_when_free = LOOK_FOR_PROGRESS_S
        return self

    async def postprocess_data(
        self, block_fn: BlockFunction, predictions: list | dict, state: SessionState | None
    ) -> list[Any]:
        """Return what is sent of an event's outputs, in their order; Gradio sees those alone that change."""
        outputs = list(block_fn.outputs)
        if is_skipped(predictions):
            predictions = [predictions] * len(outputs)
        elif len(outputs) > 1 and isinstance(predictions, dict) and predictions:
            predictions = convert_component_dict_to_list(outputs, predictions)
        elif len(outputs) == 1 or not isinstance(predictions, list | tuple) or len(predictions) != len(outputs):
            return await super().postprocess_data(block_fn, predictions, state)  # which says what is wrong with it
        changed = [at for at, value in enumerate(predictions) if outputs[at].stateful or not is_skipped(value)]
        sent: list[Any] = [dict(SKIPPED) for _ in outputs]
        if changed:
            less = copy(block_fn)
            less.outputs = [outputs[at] for at in changed]
            values = [predictions[at] for at in changed]
            made = await super().postprocess_data(less, values if len(values) > 1 else values[0], state)
            for at, value in zip(changed, made, strict=True):
                sent[at] = value
        return sent


def is_skipped(value: object) -> bool:
    """Tell whether a handler leaves a component as it is."""
    return isinstance(value, dict) and value == SKIPPED
