"""The SMART client of PyPI and a backend service, against the built server. `python -m unittest` in this folder."""

import json
import re
import time
import unittest
import uuid

import jwt
import requests
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from fhirclient import client
from fhirclient.models.observation import Observation

from person import Person
from server import Server

ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
PASSWORD = "correct horse battery staple"
REDIRECT = "http://127.0.0.1:9/callback"


def setUpModule():
    global server
    server = Server()
    unittest.addModuleCleanup(server.stop)
    code = {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]}
    server.store(
        {"resourceType": "Patient", "id": "ada", "name": [{"given": ["Ada"], "family": "Lovelace"}]},
        {
            "resourceType": "Observation",
            "id": "pulse",
            "status": "final",
            "code": code,
            "subject": {"reference": "Patient/ada"},
        },
    )
    person = ["--login", "ada", "--name", "Ada", "--role", "patient", "--fhir-user", "Patient/ada", "--password-stdin"]
    server.cli("user add", *person, given=PASSWORD)


class App(unittest.TestCase):
    """The authorize flow of `fhirclient`."""

    def launched(self, kind, **more):
        """Returns the client of a person's app, once it was allowed."""
        app_id, scope = f"py-{uuid.uuid4()}", "patient/Patient.rs patient/Observation.rs offline_access"
        registration = ["--id", app_id, "--name", "Notebook", "--redirect-uri", REDIRECT]
        said = server.cli("client add", *registration, "--scope", f"launch/patient {scope}", kind)
        if kind == "--secret":
            more["app_secret"] = re.search("^secret: (.*)$", said, re.MULTILINE)[1]
        settings = {"app_id": app_id, "api_base": server.base, "redirect_uri": REDIRECT, "scope": scope, **more}
        smart = client.FHIRClient(settings=settings)
        self.assertFalse(smart.prepare())
        self.assertIsNotNone(smart.authorize_url, "the CapabilityStatement does not tell where to authorize")
        smart.handle_callback(Person(server, "ada", PASSWORD).allow(smart.authorize_url))
        return smart

    def check(self, smart):
        self.assertTrue(smart.ready)
        self.assertEqual(smart.patient_id, "ada")
        self.assertEqual(smart.human_name(smart.patient.name[0]), "Ada Lovelace")
        found = Observation.where({"subject": "Patient/ada"}).perform_resources_iter(smart.server)
        self.assertEqual([observation.id for observation in found], ["pulse"])

    def test_a_public_app_reads_and_refreshes(self):
        smart = self.launched("--public")
        self.check(smart)
        self.assertTrue(smart.reauthorize())
        self.check(smart)

    def test_an_app_with_a_secret_reads_and_refreshes(self):
        smart = self.launched("--secret")
        self.check(smart)
        self.assertTrue(smart.reauthorize())
        self.check(smart)


class Backend(unittest.TestCase):
    """Backend services: a token for a signed assertion."""

    def register(self, algorithm):
        if algorithm == "RS384":
            key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
            jwk = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
        else:
            key = ec.generate_private_key(ec.SECP384R1())
            jwk = jwt.algorithms.ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
        name = f"backend-{uuid.uuid4()}"
        path = server.folder / f"{name}.json"
        public = {name: value for name, value in jwk.items() if name != "key_ops"}
        path.write_text(json.dumps({"keys": [{**public, "kid": name, "alg": algorithm, "use": "sig"}]}))
        server.cli("client add", "--id", name, "--name", name, "--scope", "system/*.rs", "--jwks", str(path))
        return name, key

    def ask(self, name, key, algorithm, **claims):
        discovered = requests.get(f"{server.base}/.well-known/smart-configuration", timeout=30).json()
        to, now = discovered["token_endpoint"], int(time.time())
        said = {"iss": name, "sub": name, "aud": to, "iat": now, "exp": now + 240, "jti": str(uuid.uuid4()), **claims}
        form = {
            "grant_type": "client_credentials",
            "scope": "system/Patient.rs",
            "client_assertion_type": ASSERTION,
            "client_assertion": jwt.encode(said, key, algorithm, headers={"kid": name}),
        }
        return to, form, requests.post(to, form, timeout=30)

    def test_a_backend_service_gets_its_token(self):
        for algorithm in ("RS384", "ES384"):
            with self.subTest(algorithm):
                name, key = self.register(algorithm)
                to, form, answer = self.ask(name, key, algorithm)
                self.assertEqual(answer.status_code, 200, answer.text)
                given = answer.json()
                self.assertEqual(given["token_type"].lower(), "bearer")
                self.assertEqual(given["scope"], "system/Patient.rs")
                self.assertLessEqual(given["expires_in"], 300)
                self.assertNotIn("refresh_token", given)
                headers = {"Authorization": f"Bearer {given['access_token']}"}
                self.assertEqual(requests.get(f"{server.base}/Patient/ada", headers=headers, timeout=30).status_code, 200)
                self.assertEqual(requests.get(f"{server.base}/Observation", headers=headers, timeout=30).status_code, 403)
                again = requests.post(to, form, timeout=30)
                self.assertEqual((again.status_code, again.json()["error"]), (401, "invalid_client"))

    def test_an_assertion_signed_by_another_key_is_nothing(self):
        name, _ = self.register("ES384")
        _, _, answer = self.ask(name, ec.generate_private_key(ec.SECP384R1()), "ES384")
        self.assertEqual((answer.status_code, answer.json()["error"]), (401, "invalid_client"))


if __name__ == "__main__":
    unittest.main()
