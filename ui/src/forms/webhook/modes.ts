import { t } from "@/lib/text";

/** How a sender proves itself, as the server's modes say it. */
export type Mode =
  | "standard-webhooks"
  | "github"
  | "stripe"
  | "slack"
  | "hmac"
  | "bearer"
  | "basic"
  | "token";

export type Auth = {
  mode: Mode;
  secretId?: string | null;
  networks?: string[];
  username?: string;
  header?: string;
  algorithm?: "sha256" | "sha512";
  encoding?: "hex" | "base64";
  prefix?: string;
  timestampHeader?: string | null;
};

type About = {
  label: string;
  /** When it is the right one. */
  hint: string;
  /** The sender has the secret already and shows it somewhere. */
  pasted?: string;
};

export const MODES: Record<Mode, About> = {
  "standard-webhooks": {
    label: t("A signature (Standard Webhooks)"),
    hint: t(
      "Best for a sender that you can teach: signed with the time and an id, so nothing can be changed or sent twice.",
    ),
  },
  github: { label: t("GitHub's signature"), hint: t("Paste the secret that you gave the webhook there.") },
  stripe: {
    label: t("Stripe's signature"),
    hint: t("Paste the endpoint's signing secret."),
    pasted: t("Stripe: Developers, Webhooks, the endpoint, Signing secret"),
  },
  slack: {
    label: t("Slack's signature"),
    hint: t("Paste the app's signing secret."),
    pasted: t("Slack: your app, Basic Information, Signing Secret"),
  },
  hmac: { label: t("A signature in a header"), hint: t("For senders with a format of their own.") },
  bearer: {
    label: t("A secret as Bearer token"),
    hint: t("Simple; whoever reads one call can send others."),
  },
  basic: { label: t("A name and a password"), hint: t("Simple; whoever reads one call can send others.") },
  token: {
    label: t("The token in the address alone"),
    hint: t(
      "Right where a step hands callback.url to n8n or Make, which call it back: nobody else learns the address, and it works once.",
    ),
  },
};

/** The mode without what only another one has; what both have stays. */
export function switched(auth: Auth | null, mode: Mode): Auth {
  const networks = auth?.networks?.length ? { networks: auth.networks } : {};
  if (mode === "token") return { mode, ...networks };
  const secretId = auth?.secretId ? { secretId: auth.secretId } : {};
  return { mode, ...secretId, ...networks, ...(mode === "basic" && { username: "sender" }) };
}

/** A name that no other secret has. */
export function freeName(names: readonly string[]): string {
  let number = names.length + 1;
  while (names.includes(`Signing secret ${number}`)) number++;
  return `Signing secret ${number}`;
}
