"""Whatever a document holds, only allowed elements and attributes reach the page."""

from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maillage.services.documents.resources import cda, markup, narrative
from maillage.services.documents.resources.narrative import MediaLink

PNG = MediaLink("/documents/d1/media/0", "image/png")
PDF = MediaLink("/documents/d1/media/1", "application/pdf")


class Seen(HTMLParser):
    """What a browser would see: elements, attributes, text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


def html_of(text: str, **links: MediaLink) -> str:
    document = markup.clinical_document(
        f'<ClinicalDocument xmlns="urn:hl7-org:v3"><text>{text}</text></ClinicalDocument>'.encode()
    )
    block = document.find("h:text", cda.NS)
    assert block is not None
    return narrative.fragment(block, links)


def check(html: str) -> Seen:
    seen = Seen(html)
    assert set(seen.tags) <= narrative.TAGS
    assert {name for name, _ in seen.attributes} <= narrative.ATTRIBUTES
    for name, value in seen.attributes:
        if name == "src":
            assert value.startswith("/documents/")
        if name == "href":
            assert value.startswith(("http://", "https://", "mailto:", "tel:", "/documents/"))
    return seen


@pytest.mark.conformance
def test_every_official_document_is_shown_with_allowed_elements_only(shared_data: Path) -> None:
    shown = 0
    for folder in ("cda/selection", "tddui", "hl7v2"):
        for file in sorted((shared_data / folder).rglob("*.xml")):
            document = cda.parse(file.read_bytes())
            files = cda.media(document)
            links = {n: MediaLink(f"/documents/d/media/{i}", v.get("mediaType") or "") for i, (n, v) in enumerate(files)}
            seen = check(narrative.body(document, links))
            assert bool(seen.text.strip()) == bool(cda.sections(document)), file.name
            shown += bool(seen.text.strip())
    assert shown == 13


@pytest.mark.conformance
def test_a_discharge_letter_is_shown_section_by_section_under_the_page_title(shared_data: Path) -> None:
    document = cda.parse((shared_data / "cda/selection/LDL-SES_2022.01.xml").read_bytes())
    html = narrative.body(document, {})
    headings = [tag for tag in Seen(html).tags if tag in {"h1", "h2", "h3"}]
    assert headings[0] == "h2"
    assert "h1" not in headings
    assert headings.count("h2") == 9
    assert "Aucune allergie / intolérance identifiée pendant le séjour" in Seen(html).text


@pytest.mark.conformance
def test_an_image_of_the_document_is_shown_by_our_own_route(shared_data: Path) -> None:
    [file] = (shared_data / "hl7v2").rglob("SEGUR_CR-BIO_2023.01_Electrophorese.xml")
    html = narrative.body(cda.parse(file.read_bytes()), {"ELECTROPHORESE": PNG, "doc-1": PDF})
    assert ("src", "/documents/d1/media/0") in Seen(html).attributes
    assert ("href", "/documents/d1/media/1") in Seen(html).attributes


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("<paragraph>a<br/>b</paragraph>", "<p>a<br>b</p>"),
        ('<content styleCode="Bold xSecret">gras</content>', "<strong>gras</strong>"),
        ('<content styleCode="Italics Underline">x</content>', "<u><em>x</em></u>"),
        (
            '<list listType="ordered"><caption>Suites</caption><item>un</item></list>',
            "<p><strong>Suites</strong></p><ol><li>un</li></ol>",
        ),
        ("<list><item>a<list><item>b</item></list></item></list>", "<ul><li>a<ul><li>b</li></ul></li></ul>"),
        ("H<sub>2</sub>O 5 &lt; 6 &amp; 7", "H<sub>2</sub>O 5 &lt; 6 &amp; 7"),
        (
            '<table border="1" width="100%"><thead><tr><th>Acte</th><th/></tr></thead><tbody><tr><th>A</th><td colspan="2">1</td></tr></tbody></table>',
            '<div class="m-scroll" role="group" tabindex="0" aria-label="Tableau 1"><table class="m-data"><thead><tr>'
            '<th scope="col">Acte</th><td></td></tr></thead><tbody><tr><th scope="row">A</th><td colspan="2">1</td></tr></tbody></table></div>',
        ),
        (
            '<linkHtml href="https://ansm.fr/a?b=1&amp;c=2">avis</linkHtml>',
            '<a href="https://ansm.fr/a?b=1&amp;c=2" rel="noopener noreferrer nofollow external">avis</a>',
        ),
        ("<renderMultiMedia referencedObject='absent'/>", '<span class="m-quiet">[pièce absente du document]</span>'),
        (
            "<renderMultiMedia referencedObject='i'><caption>Tracé</caption></renderMultiMedia>",
            '<img src="/documents/d1/media/0" alt="Tracé" loading="lazy">',
        ),
    ],
)
def test_narrative_becomes_plain_html(text: str, html: str) -> None:
    assert html_of(text, i=PNG) == html


HOSTILE = [
    "<script>alert(1)</script>",
    "<paragraph onclick='alert(1)' style='position:fixed' class='m-alert' id='x'>texte</paragraph>",
    "<linkHtml href='javascript:alert(1)'>texte</linkHtml>",
    "<linkHtml href='JaVaScRiPt:alert(1)'>texte</linkHtml>",
    "<linkHtml href='&#1;javascript:alert(1)'>texte</linkHtml>".replace("&#1;", "&#9;"),
    "<linkHtml href='data:text/html,&lt;script&gt;alert(1)&lt;/script&gt;'>texte</linkHtml>",
    "<linkHtml href='//evil.example/x'>texte</linkHtml>",
    "<linkHtml href='https://a\" onmouseover=\"alert(1)'>texte</linkHtml>",
    "<linkHtml href='vbscript:x'>texte</linkHtml>",
    "<renderMultiMedia referencedObject='https://evil.example/pixel.png'/>",
    "<img src='https://evil.example/pixel.png' onerror='alert(1)'/>texte",
    "<iframe src='https://evil.example'/><object data='x'>caché</object><embed src='x'/>texte",
    "<x:script xmlns:x='http://www.w3.org/1999/xhtml'>alert(1)</x:script><x:b xmlns:x='http://www.w3.org/1999/xhtml'>texte</x:b>",
    "<x:svg xmlns:x='http://www.w3.org/2000/svg' onload='alert(1)'><x:script>alert(1)</x:script></x:svg>",
    "<style>body{display:none}</style><meta http-equiv='refresh' content='0;url=https://evil.example'/>texte",
    "<td colspan='99999999'>texte</td>",
    "<td colspan='-1' rowspan='1e9' style='x'>texte</td>",
    "<form action='https://evil.example'><input name='p'/>caché</form>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "<![CDATA[<script>alert(1)</script><img src=x onerror=alert(1)>]]>",
    "<content styleCode='Bold\"&gt;&lt;script&gt;'>texte</content>",
    "<paragraph><![CDATA[</p></section><script>alert(1)</script>]]></paragraph>",
    "<base href='https://evil.example/'/><link rel='stylesheet' href='https://evil.example/x.css'/>texte",
    "<SCRIPT>alert(1)</SCRIPT><Template>x</Template>texte",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_document_brings_nothing_of_its_own_to_the_page(text: str) -> None:
    html = html_of(text)
    seen = check(html)
    assert "evil.example" not in "".join(value for _, value in seen.attributes)
    assert "script" not in seen.tags
    assert "caché" not in seen.text


NAMES = st.sampled_from(
    "paragraph content table thead tbody tr td th list item linkHtml renderMultiMedia caption br sub footnote "  # noqa: SIM905
    "script style iframe svg a img section unknown".split()
)
KEYS = st.sampled_from(["href", "src", "onclick", "style", "styleCode", "colspan", "referencedObject", "class", "id", "listType"])
VALUES = st.sampled_from(
    ["javascript:alert(1)", "https://x.example/\"'<>", "Bold", "2", "doc", "https://ok.example", '" onload="x', "ordered"]
)
TEXTS = st.sampled_from(["texte", "<script>", "&amp;", "\"'<>", "é"])


def _escaped(value: str) -> str:
    return value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


@st.composite
def narratives(draw: st.DrawFn, depth: int = 4) -> str:
    name = draw(NAMES)
    attributes = "".join(f' {k}="{_escaped(v)}"' for k, v in draw(st.dictionaries(KEYS, VALUES, max_size=3)).items())
    children = draw(st.lists(narratives(depth=depth - 1), max_size=3)) if depth else []
    return f"<{name}{attributes}>{_escaped(draw(TEXTS))}{''.join(children)}</{name}>"


@settings(max_examples=150, deadline=None)
@given(narratives())
def test_no_arrangement_of_elements_gets_through(text: str) -> None:
    check(html_of(text, doc=PNG))
