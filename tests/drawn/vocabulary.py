"""What drawn pages say: invented people, firms and amounts."""

from __future__ import annotations

from random import Random

FIRST_NAMES = (
    "Anna",
    "Brian",
    "Carla",
    "David",
    "Elena",
    "Frank",
    "Grace",
    "Henry",
    "Irene",
    "James",
    "Laura",
    "Martin",
)
LAST_NAMES = ("Adams", "Baker", "Carter", "Dawson", "Evans", "Foster", "Graham", "Hughes", "Irwin", "Jensen", "Keller")
STREETS = ("Maple Street", "Oak Avenue", "River Road", "Station Lane", "Church Square", "Market Place", "Hill Drive")
TOWNS = ("Springfield", "Lakewood", "Bridgeport", "Fairview", "Ashland", "Milton", "Greenville", "Kingston")
TRADES = ("Hardware", "Bakery", "Book Store", "Pharmacy", "Garden Center", "Electronics", "Stationery", "Trading")
FORMS = ("Ltd", "Inc", "Company", "Group", "and Sons")
ITEMS = (
    "Coffee beans", "Printer paper", "Light bulb", "Garden hose", "Notebook", "Pencil set", "Green tea", "Batteries",
    "Paint brush", "Door handle", "Olive oil", "Bread rolls", "Hand soap", "Candles", "Tape measure", "Screwdriver",
)  # fmt: skip
SENTENCES = (
    "Please print clearly and return this form to the office.",
    "Attach copies of all receipts before sending.",
    "Incomplete requests will not be processed.",
    "Keep one copy for your own records.",
    "Questions are answered by the front desk every morning.",
)
MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October")


def person(random: Random) -> str:
    return f"{random.choice(FIRST_NAMES)} {random.choice(LAST_NAMES)}"


def company(random: Random) -> str:
    return f"{random.choice(LAST_NAMES)} {random.choice(TRADES)} {random.choice(FORMS)}"


def address(random: Random) -> list[str]:
    """Two lines: street and town."""
    return [
        f"{random.randint(2, 98)} {random.choice(STREETS)}",
        f"{random.choice(TOWNS)} {random.randint(10000, 98999)}",
    ]


def date(random: Random) -> str:
    day, month, year = random.randint(1, 28), random.randint(1, 10), random.randint(2015, 2026)
    return random.choice(
        (f"{day:02}/{month:02}/{year}", f"{year}-{month:02}-{day:02}", f"{day} {MONTHS[month - 1]} {year}")
    )


def amount(cents: int) -> str:
    return f"{cents / 100:,.2f}"


def telephone(random: Random) -> str:
    return f"{random.randint(201, 989)} 555 {random.randint(1000, 9999)}"


def number(random: Random) -> str:
    return f"{random.choice('ABCDEFGH')}{random.randint(10000, 99999)}"
