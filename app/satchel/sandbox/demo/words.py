"""What the demo's rows say: terms, names, places, and texts that programs tend to stumble over.

No value holds U+0000, which PostgreSQL cannot store, nor a number that JSON cannot write.
"""

from __future__ import annotations

from typing import Any

Terms = tuple[tuple[str, str, list[str | None] | None], ...]
"""Name, description, synonyms."""

SPECIES: Terms = (
    ("human", "Homo sapiens", ["person", "Mensch", "人"]),
    ("cat", "Felis catus", ["Katze", "kočka"]),
    ("dog", "Canis familiaris", ["Hund", "hound, small"]),
    ("rabbit", "Oryctolagus cuniculus", []),
    ("house mouse", "Mus musculus", ["mouse", 'Maus "x"', "{y}"]),
    ("zebrafish", "Danio rerio", None),
    ("axolotl", "Ambystoma mexicanum", ["āxōlōtl", None]),
)

DIAGNOSES: Terms = (
    ("Healthy", "Nothing was found", None),
    ("Diabetic retinopathy, mild", "Few microaneurysms", ["DR, mild", "NPDR 1"]),
    ("Diabetic retinopathy, severe", "Many haemorrhages in all quadrants", ["DR, severe"]),
    ("Age-related macular degeneration, dry", "Drusen; *geographic atrophy* later", ["AMD, dry", "dry AMD"]),
    ("Age-related macular degeneration, wet", "New vessels under the macula", ["AMD, wet"]),
    ("Glaucoma, open angle", "The cup of the disc widens, pressure is high", ["Grüner Star"]),
    ("Stargardt's disease", "Flecks in the young", ["juvenile macular degeneration"]),
    ('"Cherry-red spot"', "A red macula in a pale retina", ['"red" spot']),
    ("Retinitis pigmentosa", "Bone spicules from the rim inwards", ["RP", "rétinite pigmentaire"]),
    ("近視", "Myopia: the eye is too long", ["myopia", "Kurzsichtigkeit"]),
    ("Retinal vein occlusion", "Blood & oedema; \u2265 1 quadrant", ["RVO"]),
    ("Coats\u2019 disease", "Leaking vessels, mostly in boys", []),
    ("Hypertensive retinopathy", "Narrow arteries, a/v ratio < 2/3", None),
    ("Retinopathy of prematurity", "Stages 1\u20135", ["ROP", "RLF (old)"]),
    ("Optic neuritis", "Sudden loss of sight;\npain on moving the eye", ["ON"]),
    ("Other: see remarks", "Anything that has no term yet", [""]),
)

LATERALITY: Terms = (
    ("right", "Oculus dexter", ["OD", "R"]),
    ("left", "Oculus sinister", ["OS", "L"]),
    ("both", "Oculi uterque", ["OU"]),
)

QUALITY: Terms = (
    ("good", "Vessels of the third order are sharp", None),
    ("usable", "Disc and macula can be told", ["fair"]),
    ("bad", "Not even the disc can be told", ["reject", "ungradable"]),
)

CLINICS = (
    ("MUC", "Augenklinik am Isartor", "München", "DE", 'Frau Dr. Ünal, "Sekretariat"'),
    ("LAX", "Pacific Eye Institute", "Los Angeles, CA", "US", "Front desk"),
    ("KIX", "大阪眼科センター", "大阪市", "JP", "受付 山田"),
    ("CAI", "مركز طب العيون", "القاهرة", "EG", "الاستقبال"),
    ("ORK", "St. Fionán's Eye & Ear", "Cork", "IE", "Seán O'Brien"),
)

ROOM_TITLES = (
    "Photography",
    "Slit lamp",
    "Perimetry",
    "OCT, dark",
    "Dr. Grün\u2019s room",
    "Store & archive",
    "",
    None,
)
EQUIPMENT: tuple[list[str | None] | None, ...] = (
    ["slit lamp", "chart, Snellen"],
    ["camera", 'tripod 3/4"', "dimmer"],
    [],
    None,
    ["couch", None, "{lamp}"],
    ["OCT", "back\\slash"],
)

MAKERS = (("Topaz", "NW-400"), ("Zeitz", "Visu 500"), ("Canonical", "CR-2 AF"), ("Optoma", "P200\u202fDTx"))

STUDIES = (
    ("RETINA-1", "Changes of the retina in diabetes: a study in five cities"),
    ("RHÖN-2", 'The "Rhön" study of pressure, age & sight'),
    ("MYOPIA-3", "Short sight in schoolchildren, 学校の近視"),
)

INVESTIGATORS: tuple[tuple[str, str | None, str | None, list[str] | None], ...] = (
    ("Prof. Ayşe Öztürk", "https://orcid.org/0000-0002-1825-0097", "ayse@example.org", ["surgery", "glaucoma"]),
    ("Dr. Jean-Luc d\u2019Été", None, "", ["imaging, OCT"]),
    ("山田 花子", "https://orcid.org/0000-0001-5109-3700", "yamada@example.org", []),
    ('Robert "Bob" O\'Neil, Jr.', None, None, None),
    ("Zoë Ångström", None, "zoe@example.org", ["statistics", "R & Python"]),
    ("نادية حسن", None, "nadia@example.org", ["genetics"]),
)

GIVEN = ("Anna", "Björn", "Chloé", "Dmitri", "Emeka", "Fatma", "Goran", "Hana", "Ioana", "João", "Kwame", "Lucía")
FAMILY = ("Adler", "Brandt", "Castro", "Dvořák", "Eze", "Fischer", "García", "Høy", "Ito", "Jansen", "Kováč", "Łuczak")

ODD_NAMES: tuple[str | None, ...] = (
    'O\'Brien, "Bob"',
    "Нина Петрова",
    "",
    None,
    "李小龍",
    "two\nlines",
    "  spaces around  ",
    "مريم عبد الله",
    'the ""quoted""',
    "a,b;c\td",
    "=1+1",
    "null",
    "NULL",
    "Zalgo Z\u0351\u036ba\u0343l\u0357go",
    "\u1e9e and e\u0301 beside \u00e9",
    "emoji \U0001f441\ufe0f\u200d\U0001f5e8\ufe0f",
)
"""Names of the first subjects."""

ODD_NOTES: tuple[str | None, ...] = (
    "",
    "drops at 9:00, again at 9:15",
    'says it is "like a curtain"',
    "first line\nsecond line",
    "carriage return\r\nand line feed",
    "\\N",
    "\\.",
    "100% & <b>more</b>; a/b?c=d#e",
    'ends with a quote"',
    '"',
    ",",
    "\n",
    " ",
    "tab\tin between",
    "back\\slash and 'quote'",
    "{a,b}",
    "[1, 2]",
    "nbsp\u00a0 zero\u200bwidth \u2028 separator",
    "Зрение ухудшилось, 視力低下, ضعف البصر, ראייה",
    "\ufeffstarts with a byte order mark",
    "-0",
    "1e400",
    "2024-02-30",
    '\'; DROP TABLE "Observation"; --',
    "{{RID}} {RID} %(RID)s $RID",
)
"""Notes that come round again and again in a table."""

ODD_FILENAMES = (
    "left eye, 2nd try.png",
    'the "good" one.png',
    "O'Neil's eye.png",
    "眼底 右 03.png",
    "œil gauche — été.png",
    "100% sharp & clear.png",
    "eye #7 (really?).png",
    "a=b;c=d+e.png",
    "UPPER.PNG",
    "same.png",
    "same.png",
    "no extension",
    "-dash first.png",
    ".hidden.png",
    "مسح.png",
    "x" * 180 + ".png",
    "decomposed e\u0301.png",
)
"""File names of the first pictures of the second dozen."""

MEASURES: tuple[tuple[str, str, float, float], ...] = (
    ("Intraocular pressure", "mmHg", 9.0, 0.25),
    ("Visual acuity", "logMAR", -0.2, 0.02),
    ("Axial length", "mm", 21.0, 0.04),
    ("Corneal thickness", "µm", 480.0, 1.5),
    ("Contrast sensitivity", "", 0.5, 0.015),
    ("Central retinal thickness", "µm", 210.0, 2.0),
)
"""Name, unit, lowest value, step."""

ODD_NUMBERS = (0.1 + 0.2, 1e-9, 123456789.125, -40.0, 1 / 3, 6.02214076e23, 5e-324)
"""Values that show whether a number survives a journey as text."""

ODD_JSON: tuple[Any, ...] = (
    {"i": 1, "q": 'x"y', "n": [1, 2.5, None]},
    [],
    {},
    "text alone",
    42,
    True,
    {"ключ": "значение", "deep": {"er": [{"and": "deeper"}]}, "newline": "a\nb", "backslash": "\\"},
    [[1, [2, [3]]], {"empty": ""}],
)

ODD_SERIES: tuple[list[float | None] | None, ...] = (
    [15.5, 16.0, 15.75],
    [],
    None,
    [None, 0.1, None],
    [1e-7, 100000.0],
    [14.0],
)


def protocol(code: str) -> str:
    """A protocol: a long text in Markdown, longer than an index of PostgreSQL takes."""
    paragraph = (
        "Each subject is seen in a darkened room. Both eyes get one drop of tropicamide, 0.5 %; after 20 minutes the "
        "examiner photographs disc and macula, and, where the subject agrees, the periphery. "
        "“Agrees” means: has signed, and has not taken it back. Größe, Gewicht & Blutdruck are taken once.\n\n"
    )
    steps = "".join(f"{n}. Step {n} of {code}, see *appendix {n}*; duration {n * 3} min.\n" for n in range(1, 41))
    return f"# Protocol {code}\n\n{paragraph * 24}{steps}"
