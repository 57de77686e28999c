"""What other services may ask of documents."""

from maillage.services.documents.resources.coding import TYPE_WORDS
from maillage.services.documents.resources.summary import DocumentSummary, summary
from maillage.services.documents.resources.treatments import LetterTreatment
from maillage.services.documents.rules import Wanted
from maillage.services.documents.service.delivery import Delivery, tells_deliveries
from maillage.services.documents.service.forgetting import forget_documents
from maillage.services.documents.service.guarding import complete
from maillage.services.documents.service.listing import Listing, documents_of
from maillage.services.documents.service.reading import Preview, document, is_original, original, preview, treatments
from maillage.services.documents.service.receiving import Origin, Received, import_document, receive
from maillage.services.documents.service.withdrawing import Withdrawn, withdraw

__all__ = [
    "TYPE_WORDS",
    "Delivery",
    "DocumentSummary",
    "LetterTreatment",
    "Listing",
    "Origin",
    "Preview",
    "Received",
    "Wanted",
    "Withdrawn",
    "complete",
    "document",
    "documents_of",
    "forget_documents",
    "import_document",
    "is_original",
    "original",
    "preview",
    "receive",
    "summary",
    "tells_deliveries",
    "treatments",
    "withdraw",
]
