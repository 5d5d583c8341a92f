// @serenity-kit/opaque behind the line protocol of tests/support/opaque_peer: one request a line, one answer a line.
"use strict";

const readline = require("node:readline");
const opaque = require("@serenity-kit/opaque");

let setup = null;
let client = {};
let serverLoginState = null;

const stretching = (memory, iterations) => ({
  "argon2id-custom": { memory: Number(memory), iterations: Number(iterations), parallelism: 1 },
});

const verbs = {
  "new-setup": () => (setup = opaque.server.createSetup()),
  "load-setup": (text) => {
    setup = text;
    return opaque.server.getPublicKey(setup);
  },
  respond: (userIdentifier, registrationRequest) =>
    opaque.server.createRegistrationResponse({ serverSetup: setup, userIdentifier, registrationRequest })
      .registrationResponse,
  register: (password) => {
    const { clientRegistrationState, registrationRequest } = opaque.client.startRegistration({ password });
    client = { password, clientRegistrationState };
    return registrationRequest;
  },
  "finish-registration": (registrationResponse, memory, passes) => {
    const done = opaque.client.finishRegistration({
      ...client,
      registrationResponse,
      keyStretching: stretching(memory, passes),
    });
    return [done.registrationRecord, done.exportKey, done.serverStaticPublicKey].join(" ");
  },
  login: (password) => {
    const { clientLoginState, startLoginRequest } = opaque.client.startLogin({ password });
    client = { password, clientLoginState };
    return startLoginRequest;
  },
  "finish-login": (loginResponse, memory, passes) => {
    const done = opaque.client.finishLogin({ ...client, loginResponse, keyStretching: stretching(memory, passes) });
    return done ? [done.finishLoginRequest, done.sessionKey, done.exportKey].join(" ") : "denied";
  },
  challenge: (userIdentifier, record, startLoginRequest) => {
    const answer = opaque.server.startLogin({
      serverSetup: setup,
      userIdentifier,
      registrationRecord: record === "-" ? null : record,
      startLoginRequest,
    });
    serverLoginState = answer.serverLoginState;
    return answer.loginResponse;
  },
  prove: (finishLoginRequest) => {
    try {
      return opaque.server.finishLogin({ serverLoginState, finishLoginRequest }).sessionKey;
    } catch {
      return "denied";
    }
  },
};

opaque.ready.then(() => {
  readline.createInterface({ input: process.stdin }).on("line", (line) => {
    const [verb, ...values] = line.split(" ");
    try {
      process.stdout.write(`${verbs[verb](...values)}\n`);
    } catch (error) {
      process.stdout.write(`error ${String(error.message).replace(/\s+/g, " ")}\n`);
    }
  });
});
