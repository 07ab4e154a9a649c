import type { Auth } from "./modes";

export type Recipe = { lines: string[]; curl: string; n8n: string; make: string };

const ADDRESS = "THE ADDRESS: callback.url of the run";
const BODY = '{"status":"done"}';

/** What a sender has to add to its call, and how in three tools. `secret` stands in it as it is. */
export function recipeOf(auth: Auth, secret: string): Recipe {
  switch (auth.mode) {
    case "standard-webhooks":
      return standard(secret);
    case "bearer":
      return fixed(`authorization: Bearer ${secret}`);
    case "basic":
      return {
        ...fixed(`authorization: Basic ${btoa(`${auth.username ?? ""}:${secret}`)}`),
        curl: `curl '${ADDRESS}' -u '${auth.username ?? ""}:${secret}' \\\n  -H 'content-type: application/json' -d '${BODY}'`,
      };
    default:
      return signed(auth, secret);
  }
}

function fixed(header: string): Recipe {
  const [name, value] = [header.slice(0, header.indexOf(":")), header.slice(header.indexOf(":") + 2)];
  return {
    lines: [header],
    curl: `curl '${ADDRESS}' -H '${header}' \\\n  -H 'content-type: application/json' -d '${BODY}'`,
    n8n: `HTTP Request node, Send Headers:\n  Name   ${name}\n  Value  ${value}`,
    make: `HTTP module, Headers:\n  Name   ${name}\n  Value  ${value}`,
  };
}

function standard(secret: string): Recipe {
  const key = secret.replace(/^whsec_/, "");
  return {
    lines: [
      "webhook-id: a new one for every message",
      "webhook-timestamp: seconds since 1970",
      'webhook-signature: v1,BASE64(HMAC-SHA256(secret, id + "." + timestamp + "." + body))',
    ],
    curl: [
      `KEY=$(printf %s '${key}' | base64 -d | od -An -tx1 | tr -d ' \\n')`,
      "ID=msg_$(date +%s%N); TS=$(date +%s)",
      `BODY='${BODY}'`,
      'SIG=$(printf %s "$ID.$TS.$BODY" | openssl dgst -sha256 -mac HMAC -macopt hexkey:$KEY -binary | base64)',
      `curl '${ADDRESS}' -H "webhook-id: $ID" \\`,
      '  -H "webhook-timestamp: $TS" -H "webhook-signature: v1,$SIG" \\',
      "  -H 'content-type: application/json' -d \"$BODY\"",
    ].join("\n"),
    n8n: [
      "// Code node; its output feeds an HTTP Request node: headers from id, ts, sig; body raw, from body",
      "const crypto = require('crypto');",
      `const key = Buffer.from('${key}', 'base64');`,
      "const id = 'msg_' + crypto.randomUUID(), ts = String(Math.floor(Date.now() / 1000));",
      "const body = JSON.stringify($json);",
      "const sig = 'v1,' + crypto.createHmac('sha256', key).update(id + '.' + ts + '.' + body).digest('base64');",
      "return [{ json: { id, ts, sig, body } }];",
    ].join("\n"),
    make: [
      "Set multiple variables:",
      "  id    msg_{{uuid}}",
      '  ts    {{formatDate(now; "X")}}',
      `  body  ${BODY}`,
      "HTTP module, body {{body}} as it is, headers:",
      "  webhook-id         {{id}}",
      "  webhook-timestamp  {{ts}}",
      `  webhook-signature  v1,{{sha256(id + "." + ts + "." + body; "base64"; "${key}"; "base64")}}`,
    ].join("\n"),
  };
}

type Format = {
  header: string;
  prefix: string;
  time: string | null;
  base64: boolean;
  sha: string;
  content: string;
};

function formatOf(auth: Auth): Format {
  const plain = { base64: false, sha: "sha256" };
  switch (auth.mode) {
    case "github":
      return { ...plain, header: "x-hub-signature-256", prefix: "sha256=", time: null, content: "BODY" };
    case "stripe":
      return { ...plain, header: "stripe-signature", prefix: "t=TS,v1=", time: null, content: "TS.BODY" };
    case "slack":
      return {
        ...plain,
        header: "x-slack-signature",
        prefix: "v0=",
        time: "x-slack-request-timestamp",
        content: "v0:TS:BODY",
      };
    default:
      return {
        header: auth.header ?? "X-Signature",
        prefix: auth.prefix ?? "",
        time: auth.timestampHeader || null,
        base64: auth.encoding === "base64",
        sha: auth.algorithm ?? "sha256",
        content: auth.timestampHeader ? "TS.BODY" : "BODY",
      };
  }
}

function signed(auth: Auth, secret: string): Recipe {
  const { header, prefix, time, base64, sha, content } = formatOf(auth);
  const timed = content.includes("TS");
  const put = (ts: string, body: string) => content.replace("TS", ts).replace("BODY", body);
  const encoded = base64 ? "BASE64" : "HEX";
  const value = (ts: string, mac: string) => `${prefix.replace("TS", ts)}${mac}`;
  const end = base64 ? "base64" : "od -An -tx1 | tr -d ' \\n'";
  const said = content.replace("TS", "timestamp").replace("BODY", "body");
  return {
    lines: [
      ...(time ? [`${time}: seconds since 1970`] : []),
      `${header}: ${value("timestamp", `${encoded}(HMAC-${sha.toUpperCase()}(secret, ${said}))`)}`,
    ],
    curl: [
      `BODY='${BODY}'${timed ? "; TS=$(date +%s)" : ""}`,
      `SIG=$(printf %s "${put("$TS", "$BODY")}" | openssl dgst -${sha} -hmac '${secret}' -binary | ${end})`,
      `curl '${ADDRESS}' -H "${header}: ${value("$TS", "$SIG")}" \\`,
      `${time ? `  -H "${time}: $TS"` : " "} -H 'content-type: application/json' -d "$BODY"`,
    ].join("\n"),
    n8n: [
      `Crypto node: Hmac, ${sha.toUpperCase()}, encoding ${encoded}, secret ${secret}`,
      `  value  ${put("{{ts}}", "{{body}}")}`,
      `HTTP Request node, body raw, headers:`,
      ...(time ? [`  ${time}  {{ts}}`] : []),
      `  ${header}  ${value("{{ts}}", "{{the result}}")}`,
    ].join("\n"),
    make: [
      "HTTP module, the body as it was signed, headers:",
      ...(time ? [`  ${time}  {{ts}}`] : []),
      `  ${header}  ${value(
        "{{ts}}",
        `{{${sha}(${content
          .replace(/v0:/, '"v0:" + ')
          .replace("TS.", 'ts + "." + ')
          .replace("TS:", 'ts + ":" + ')
          .replace("BODY", "body")}; "${base64 ? "base64" : "hex"}"; "${secret}")}}`,
      )}`,
    ].join("\n"),
  };
}
