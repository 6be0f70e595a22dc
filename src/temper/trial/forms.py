"""Questions in front of the screen: values to type, or one thing of several to choose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.suggester import Suggester
from textual.widgets import Input, Label, OptionList
from textual.widgets.option_list import Option


@dataclass(frozen=True, slots=True)
class Question:
    """One value to type: what it may be, what stands there at first, and what is suggested."""

    name: str
    hint: str
    value: str = ""
    suggester: Suggester | None = None


class Form(ModalScreen[dict[str, str] | None]):
    """Several values; Enter in the last one ends it, Escape leaves everything as it was."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape", "dismiss", "Never mind")]

    def __init__(self, title: str, questions: tuple[Question, ...]) -> None:
        super().__init__()
        self._title, self._questions = title, questions

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = self._title
            for question in self._questions:
                yield Label(f"{question.name} ({question.hint})", markup=False)
                yield Input(question.value, id=f"value-{question.name}", suggester=question.suggester)
            yield Label("Enter goes on, Escape leaves it", classes="note")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        inputs = list(self.query(Input))
        at = inputs.index(event.input)
        if at + 1 < len(inputs):
            inputs[at + 1].focus()
        else:
            self.dismiss({question.name: field.value for question, field in zip(self._questions, inputs, strict=True)})


class Choice(ModalScreen[str | None]):
    """One thing of several."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape", "dismiss", "Never mind")]

    def __init__(self, title: str, names: tuple[str, ...]) -> None:
        super().__init__()
        self._title, self._names = title, names

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = self._title
            yield OptionList(*(Option(name) for name in self._names), markup=False)
            yield Label("Enter chooses, Escape leaves it", classes="note")

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._names[event.option_index])
