"""Records drawn as plotly figures or HTML; knows neither torch nor gradio."""
