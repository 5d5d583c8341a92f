"""A whole Cardea whose agent reaches the server through a proxy that ends TLS: what an inspecting one sees."""

from cardea_stack import Stack
from tls_tap import TlsTap


class TappedStack(Stack):
    """The agent reaches the server through the tap."""

    def start_server(self):
        started = super().start_server()
        if not hasattr(self, "tap"):
            self.tap = TlsTap(self.directory, self.port).start()
        return started

    def enrol(self, role="registrar", state=None, name="workstation"):
        code = self.cli("device", "code", "--org", self.organisation, "--role", role)["code"]
        self._run([self.bin / "cardea-agent", "--state-dir", state or self.agent_state, "enrol", "--server",
                   f"https://127.0.0.1:{self.tap.port}", "--ca", self.tap.certificate, "--code-file", "-", "--name", name],
                  input_text=code + "\n")

    def stop(self):
        super().stop()
        self.tap.stop()
