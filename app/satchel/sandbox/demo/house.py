"""The rows of the schema `lab`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from satchel.sandbox.demo.chance import Chance
from satchel.sandbox.demo.moments import DAY_ONE, minutes_after
from satchel.sandbox.demo.records import Records, Row

NAMES = ("Ada", "Bertha", "Ćira", "D'Arcy", "Éowyn", "Freyja", "Γάτα", "Hedwig", "мышь", "七")


class House:
    """The animals and their cages, with the RIDs that the records hold ready for them."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._rids = records.rids
        self._chance = Chance(records.seed, "lab")
        self.count = records.size.animals
        self.cages_count = self.count // 3

    def _cage(self, animal: int) -> int:
        return min(animal // 3, self.cages_count - 1)

    def cages(self) -> Iterator[Row]:
        """The cages, empty as yet: the animals that they name come later."""
        for k in range(self.cages_count):
            yield {
                "RID": self._rids["Cage"][k],
                "Label": f"Cage {k + 1}/{'AB'[k & 1]}",
                "Shelf": k % 5,
                "Lit": k % 3 > 0,
            }

    def inhabitants(self) -> Iterator[Row]:
        """Which animal each cage names; every fifth cage is empty."""
        for k in range(self.cages_count):
            if k % 5 != 4:
                yield {"RID": self._rids["Cage"][k], "Current_Animal": self._rids["Animal"][3 * k + k % 3]}

    def animals(self) -> Iterator[Row]:
        """The animals, mothers before their children."""
        for k in range(self.count):
            bits = self._chance.bits(k)
            # Animals 0 to 3 came from elsewhere; the mother of any other is one of the first half of those before it.
            mother = None if k < 4 else self._rids["Animal"][bits % (k // 2)]
            yield {
                "RID": self._rids["Animal"][k],
                "Name": f"{NAMES[k % len(NAMES)]} {k + 1}",
                "Species": "house mouse" if k % 7 else "zebrafish",
                "Mother": mother,
                "Cage": None if k % 11 == 10 else self._rids["Cage"][self._cage(k)],
                "Study": None if k % 2 else self._rids["Study"][k // 2 % 2],
                "Born": (DAY_ONE - timedelta(days=400 - k % 300)).isoformat(),
                "Genotype": [{"Rho": ["+", "P23H"]}, {"Pde6b": "rd1/rd1"}, None][bits >> 8 & 1 or k % 3],
                "Weights": None
                if k % 5 == 3
                else [17.5 + (bits >> (12 + w) & 7) / 4 if w != 2 else None for w in range(4)],
            }

    def transfers(self) -> Iterator[Row]:
        """Moves of animals; one out of nowhere, and one back into the same cage."""
        for k in range(self.count):
            come_from = (self._cage(k) + 1 + k % 3) % self.cages_count
            yield {
                "RID": self._rids["Transfer"][k],
                "Animal": self._rids["Animal"][k],
                "From_Cage": None if k == 0 else self._rids["Cage"][self._cage(k) if k == 1 else come_from],
                "To_Cage": self._rids["Cage"][self._cage(k)],
                "Moved": minutes_after(DAY_ONE - timedelta(days=20), 37 * k),
                "Reason": ("weaned", 'bit "Ada"', None, "")[k % 4],
            }

    def feedings(self) -> Iterator[Row]:
        """Three days of feeding."""
        for k in range(3 * self.count):
            yield {
                "RID": self._rids["Feeding"][k],
                "Animal": self._rids["Animal"][k // 3],
                "Day": (DAY_ONE + timedelta(days=k % 3)).isoformat(),
                "Amount (g)": None if k % 13 == 12 else 2 + self._chance.bits(10_000_000 + k) % 16 / 8,
                "Größe, mm": None if k % 3 else 80 + k % 9,
                'Said "no"': (None, False, True)[k % 7 % 3],
            }
