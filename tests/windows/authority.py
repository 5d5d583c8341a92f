"""A certificate authority elsewhere: requests come into a folder, certificates go out of it."""

import datetime
import threading

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

LOOK = 0.05  # seconds


class Authority:
    """Certifies LOGIN-SLOT-ID.csr as LOGIN-SLOT-ID.cer for those slots that it is open for, until it is stopped."""

    def __init__(self, folder, slots=("9A", "9C", "9D", "9E")):
        self.folder, self.slots = folder, slots
        self.issued = {}  # (login, slot) to the last certificate
        self.complaints = []
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self):
        self.folder.mkdir(exist_ok=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()
        assert self.complaints == []

    def _serve(self):
        while not self._stop.wait(LOOK):
            for path in sorted(self.folder.glob("*.csr")):
                login, slot, _ = path.stem.split("-")
                if slot in self.slots and not path.with_suffix(".cer").exists():
                    self._answer(path, login, slot)

    def _answer(self, path, login, slot):
        request = x509.load_der_x509_csr(path.read_bytes())
        if not request.is_signature_valid:
            self.complaints.append(f"{path.name} is not signed by its key")
        certificate = self._certify(request)
        self.issued[login, slot] = certificate
        beside = path.with_suffix(".answer")
        beside.write_bytes(certificate.public_bytes(Encoding.DER))
        beside.rename(path.with_suffix(".cer"))

    def _certify(self, request):
        now = datetime.datetime.now(datetime.timezone.utc)
        names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        issuer = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Example Trust CA")])
        return (x509.CertificateBuilder().subject_name(request.subject).issuer_name(issuer).public_key(request.public_key())
                .serial_number(x509.random_serial_number()).add_extension(names, critical=False)
                .not_valid_before(now - datetime.timedelta(minutes=5)).not_valid_after(now + datetime.timedelta(days=1))
                .sign(self._key, hashes.SHA256()))
