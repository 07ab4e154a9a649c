import { createHmac } from "node:crypto";
import { expect, test } from "vitest";
import { freeName, MODES, type Mode, switched } from "./modes";
import { recipeOf } from "./recipe";

const SECRET = `whsec_${btoa("a key of thirty-two bytes, at least")}`;

test("every mode that needs a secret says what to send, with the secret in each example", () => {
  for (const mode of Object.keys(MODES) as Mode[]) {
    if (mode === "token") continue;
    const { lines, ...examples } = recipeOf({ mode, username: "make" }, SECRET);
    expect(lines.length).toBeGreaterThan(0);
    const key = SECRET.replace("whsec_", "");
    const basic = btoa(`make:${SECRET}`);
    for (const text of Object.values(examples)) expect(text.includes(key) || text.includes(basic)).toBe(true);
  }
});

test("Standard Webhooks has three lines, and n8n's code makes what they say", () => {
  const { lines, n8n } = recipeOf({ mode: "standard-webhooks" }, SECRET);
  expect(lines.map((line) => line.split(":")[0])).toEqual([
    "webhook-id",
    "webhook-timestamp",
    "webhook-signature",
  ]);
  const run = new Function("require", "$json", n8n) as (
    require: () => unknown,
    json: unknown,
  ) => { json: Record<string, string> }[];
  const made = run(() => ({ createHmac, randomUUID: () => "1" }), { a: 1 })[0]?.json ?? {};
  const key = Buffer.from(SECRET.replace("whsec_", ""), "base64");
  const mac = createHmac("sha256", key).update(`${made.id}.${made.ts}.${made.body}`).digest("base64");
  expect(made.sig).toBe(`v1,${mac}`);
});

test("Slack and Stripe sign the time with the body", () => {
  expect(recipeOf({ mode: "slack" }, SECRET).lines[1]).toContain("v0:timestamp:body");
  expect(recipeOf({ mode: "stripe" }, SECRET).lines[0]).toContain("t=timestamp,v1=HEX(");
  expect(recipeOf({ mode: "github" }, SECRET).lines).toHaveLength(1);
});

test("another mode keeps the secret and the networks, and nothing else", () => {
  const auth = { mode: "hmac", secretId: "s", header: "X", networks: ["192.0.2.0/24"] } as const;
  expect(switched({ ...auth, networks: [...auth.networks] }, "github")).toEqual({
    mode: "github",
    secretId: "s",
    networks: ["192.0.2.0/24"],
  });
  expect(switched(null, "token")).toEqual({ mode: "token" });
  expect(switched({ mode: "token" }, "basic")).toEqual({ mode: "basic", username: "sender" });
});

test("a new secret has a name of its own", () => {
  expect(freeName([])).toBe("Signing secret 1");
  expect(freeName(["Signing secret 2"])).toBe("Signing secret 3");
});
