"""What a certificate request may give: a public key whose private part its sender holds. Nothing else of it counts."""

from __future__ import annotations

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from fairlead_controller.pki.signing import PublicKey
from fairlead_wire.errors import Invalid

# A request with an RSA-8192 key has about 2.5 KiB; more is not a request.
LARGEST_REQUEST = 16 * 1024
RSA_BITS = range(2048, 8193)
CURVES = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
MAKE_ANOTHER = "Make a P-256 key and a PKCS #10 request of it."


def public_key_of(request: bytes) -> PublicKey:
    """The public key of a PKCS #10 request (DER). Raises Invalid unless its signature proves the private key."""
    parsed = _parsed(request)
    try:
        key, proven = parsed.public_key(), parsed.is_signature_valid
    except (ValueError, UnsupportedAlgorithm):
        raise Invalid("The certificate request has a key of an unknown kind.", MAKE_ANOTHER) from None
    if not proven:
        raise Invalid("The certificate request is not signed by its own key.", MAKE_ANOTHER)
    return _strong(key)


def _parsed(request: bytes) -> x509.CertificateSigningRequest:
    if len(request) > LARGEST_REQUEST:
        raise Invalid(f"The certificate request has more than {LARGEST_REQUEST} bytes.", MAKE_ANOTHER)
    try:
        return x509.load_der_x509_csr(request)
    except (ValueError, x509.InvalidVersion, UnsupportedAlgorithm):
        raise Invalid("The certificate request can't be read.", MAKE_ANOTHER) from None


def _strong(key: object) -> PublicKey:
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, CURVES):
        return key
    if isinstance(key, rsa.RSAPublicKey) and key.key_size in RSA_BITS:
        return key
    raise Invalid("The certificate request has a key that is too weak or of an unknown kind.", MAKE_ANOTHER)
