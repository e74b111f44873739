"""Gradio writes no stub files beside our components: import this before one is defined.

It writes a .pyi file beside every module that derives a component, which type checkers then believe
instead of the module, and which fails where the code cannot be written to.
"""

from gradio import component_meta

component_meta.create_or_modify_pyi = lambda *_: None
