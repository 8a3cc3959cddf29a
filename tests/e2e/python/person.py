"""A person at a browser without scripts: forms are filled in and sent, redirects followed until they leave the server."""

from html.parser import HTMLParser
from urllib.parse import urljoin

import requests


class Person:
    def __init__(self, server, login, password):
        self.server = server
        self.login = login
        self.password = password
        self.session = requests.Session()

    def allow(self, authorize_url):
        """Signs in, allows all that the app asks for, and returns the address that the app is called back at."""
        page = self._arrive(self.session.get(authorize_url, allow_redirects=False))
        page = self._send(page, {"login": self.login, "password": self.password})
        return self._send(page, {"decision": "allow"}, wants_app=True)

    def _send(self, page, filled, wants_app=False):
        form = Forms.of(page.text).with_field(next(iter(filled)))
        fields = [(name, value) for name, value in form.fields if name not in filled] + list(filled.items())
        headers = {"Origin": self.server.root}
        answer = self.session.post(urljoin(page.url, form.action or page.url), fields, headers=headers, allow_redirects=False)
        return self._arrive(answer, wants_app)

    def _arrive(self, answer, wants_app=False):
        for _ in range(10):
            if not answer.is_redirect:
                assert not wants_app and answer.status_code == 200, f"{answer.url}: {answer.status_code} {answer.text}"
                return answer
            to = urljoin(answer.url, answer.headers["Location"])
            if not to.startswith(self.server.root):
                return to
            answer = self.session.get(to, allow_redirects=False)
        raise AssertionError(f"too many redirects, the last to {answer.url}")


class Form:
    def __init__(self, action):
        self.action = action
        self.names = []
        self.fields = []


class Forms(HTMLParser):
    """The forms of a page, with what a browser would send: hidden fields and ticked boxes."""

    def __init__(self):
        super().__init__()
        self.forms = []

    @classmethod
    def of(cls, html):
        parser = cls()
        parser.feed(html)
        return parser

    def with_field(self, name):
        return next(form for form in self.forms if name in form.names)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag == "form":
            self.forms.append(Form(given.get("action")))
        elif tag in ("input", "button") and self.forms and "name" in given:
            form = self.forms[-1]
            form.names.append(given["name"])
            is_sent = given.get("type") == "hidden" or (given.get("type") == "checkbox" and "checked" in given)
            if tag == "input" and is_sent:
                form.fields.append((given["name"], given.get("value", "on")))
