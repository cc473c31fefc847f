"""Gradio's theme in the page's colours: one accent, fonts served by this server."""

import gradio as gr

ACCENT = gr.themes.Color(
    c50="#f6f3fd", c100="#eae4fa", c200="#d5cbf3", c300="#b9a7e8", c400="#9a80da", c500="#7a5fc0",
    c600="#5b3fa8", c700="#4c338e", c800="#3d2a72", c900="#2f2158", c950="#1d1438", name="accent",
)  # fmt: skip
NEUTRAL = gr.themes.Color(
    c50="#f8f8fa", c100="#f0f0f4", c200="#e2e2e9", c300="#cbccd6", c400="#9b9dac", c500="#6d7080",
    c600="#515463", c700="#3b3e4b", c800="#262832", c900="#1a1b23", c950="#121319", name="neutral",
)  # fmt: skip


def build_theme() -> gr.themes.Base:
    """Return the theme; everything else about the looks of the page is in assets/css."""
    theme = gr.themes.Base(
        primary_hue=ACCENT,
        secondary_hue=ACCENT,
        neutral_hue=NEUTRAL,
        spacing_size=gr.themes.sizes.spacing_md,
        radius_size=gr.themes.sizes.radius_md,
        text_size=gr.themes.sizes.text_md,
        # Gradio's own semi-bold file lacks most letters, so bold stands in for it.
        font=(gr.themes.LocalFont("IBM Plex Sans", weights=(400, 700)), "system-ui", "sans-serif"),
        font_mono=(gr.themes.LocalFont("IBM Plex Mono", weights=(400,)), "ui-monospace", "monospace"),
    )
    return theme.set(
        body_background_fill="*neutral_50",
        body_background_fill_dark="*neutral_950",
        block_background_fill="white",
        block_background_fill_dark="*neutral_900",
        block_border_width="0px",
        block_label_background_fill="transparent",
        block_label_background_fill_dark="transparent",
        block_title_text_weight="600",
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
        button_primary_background_fill_dark="*primary_500",
        button_primary_background_fill_hover_dark="*primary_600",
        button_primary_text_color="white",
        slider_color="*primary_600",
        slider_color_dark="*primary_400",
    )
