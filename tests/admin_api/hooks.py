"""The configuration is a YAML document for each file, and schemathesis reads one: the thread that does so
would end, and with it, unseen, every operation after it. What the document promises is text."""

import schemathesis
from schemathesis.core.media_types import YAML_MEDIA_TYPES


# All of them: of those that are taken for the same, the first counts.
@schemathesis.deserializer(*YAML_MEDIA_TYPES)
def several_documents(context, response):
    return response.content.decode()
