"""The page about the automatic search and the README's table are made of their rows."""

import pytest

REMEDY = "run python examples/benchmarks/search_page.py"


@pytest.fixture(scope="module")
def search_page(load_benchmark):
    return load_benchmark("search_page")


@pytest.fixture(scope="module")
def rows(search_page):
    return search_page.read_rows()


def test_the_page_is_made_of_the_rows(search_page, rows):
    assert search_page.PAGE.read_text("utf-8") == search_page.write_page(rows), REMEDY


def test_the_table_of_the_readme_is_made_of_the_rows(search_page, rows):
    readme = search_page.README.read_text("utf-8")
    assert search_page.write_readme(readme, rows) == readme, REMEDY
    assert readme.count(search_page.write_table(rows["own"])) == 1


@pytest.mark.parametrize("old", ["\n", "\nold\n"])
def test_what_is_around_the_table_of_the_readme_stays(search_page, old):
    begin, end = search_page.BEGIN, search_page.END
    written = search_page.write_readme(f"before\n{begin}{old}{end}\nafter", {"own": []})
    table = search_page.write_table([])
    assert written == f"before\n{begin}\n{table}\n{end}\nafter"
    with pytest.raises(ValueError, match="unpack"):
        search_page.write_readme("no place for it", {"own": []})
