"""Tables of results."""


def print_table(title: str, columns, rows) -> None:
    """Prints a title and a table; the first column is text, the others are aligned as numbers."""
    from rich.console import Console
    from rich.table import Table

    table = Table()
    for index, column in enumerate(columns):
        table.add_column(str(column), justify="right" if index else "left")
    for row in rows:
        table.add_row(*map(str, row))
    console = Console()
    console.print(title, highlight=False)
    console.print(table)
