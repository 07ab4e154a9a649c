import createClient, { type Middleware } from "openapi-fetch";
import { t } from "@/lib/text";
import { Problem } from "./problem";
import type { paths } from "./schema";

const listeners = new Set<() => void>();

/** Called once the server no longer knows the session; what is on screen stays there. */
export function onSignedOut(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function tellSignedOut(): void {
  for (const each of listeners) each();
}

const refuse: Middleware = {
  async onResponse({ response }) {
    if (response.ok) return;
    if (response.status === 401) tellSignedOut();
    const json = response.headers.get("content-type")?.includes("json") ? await response.json() : {};
    throw new Problem({ title: response.statusText || undefined, ...json, status: response.status });
  },
  onError({ error }) {
    if (error instanceof DOMException && error.name === "AbortError") return;
    return new Problem({
      status: 0,
      code: "no-answer",
      title: t("The server does not answer"),
      detail: t("The server does not answer."),
      hint: t("Is it running, and is this machine connected to it?"),
    });
  },
};

/** The API by its generated types; the session's cookie goes along. Every answer that is not 2xx is thrown as a Problem. */
export const api = createClient<paths>({ baseUrl: "", credentials: "same-origin" });
api.use(refuse);

/** The body of an answer: `await data(api.GET("/api/v1/orchestrator/kinds"))`. Throws a Problem. */
export async function data<T>(call: Promise<{ data?: T; response: Response }>): Promise<NonNullable<T>> {
  const answer = await call;
  return answer.data as NonNullable<T>;
}
