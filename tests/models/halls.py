"""A SQuAD file of small made-up contexts, each its own."""

import json
from pathlib import Path


def write_halls(path: Path, count: int, answered: bool = True) -> None:
    """One question a context: when a hall was finished, which stands there, or who built it, which does not."""
    paragraphs = []
    for number in range(count):
        name, year = f"Hall {chr(65 + number % 26)}{number}", str(1700 + number)
        context = f"The building called {name} was finished in {year}. It has {number + 3} rooms and a garden."
        answers = [{"text": year, "answer_start": context.index(year)}] if answered else []
        asked = f"When was {name} finished?" if answered else f"Who built {name}?"
        qa = {"id": str(number), "question": asked, "answers": answers, "is_impossible": not answered}
        paragraphs.append({"context": context, "qas": [qa]})
    path.write_text(json.dumps({"version": "v2.0", "data": [{"title": "Halls", "paragraphs": paragraphs}]}), "utf-8")
