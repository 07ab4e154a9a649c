import { t } from "@/lib/text";
import { toast } from "@/lib/toast";
import type { ProblemDetails } from "./types";

/** What went wrong with a call, in the server's own words (RFC 9457). `status` 0: no answer came. */
export class Problem extends Error {
  readonly status: number;
  readonly code: string;
  readonly title: string;
  readonly detail: string | null;
  readonly hint: string | null;
  readonly requestId: string | null;
  readonly errors: ReadonlyArray<{ pointer: string; detail: string }>;
  readonly problems: NonNullable<ProblemDetails["problems"]>;

  constructor(details: Partial<ProblemDetails> & { status: number }) {
    super(details.detail ?? details.title ?? t("The call failed."));
    this.name = "Problem";
    this.status = details.status;
    this.code = details.code ?? "unknown";
    this.title =
      details.status >= 500
        ? t("The server could not do this")
        : (details.title ?? t("Something went wrong"));
    this.detail = details.detail ?? null;
    this.hint = details.hint ?? null;
    this.requestId = details.requestId ?? null;
    this.errors = details.errors ?? [];
    this.problems = details.problems ?? [];
  }

  /** Whether trying again may help without changing anything. */
  get passing(): boolean {
    return this.status === 0 || this.status === 408 || this.status === 429 || this.status >= 502;
  }

  /** The detail for a field of the request, as "/name" or "/credentials/apiKey". */
  at(pointer: string): string | undefined {
    return this.errors.find((error) => error.pointer === pointer)?.detail;
  }
}

/** Anything thrown, as a Problem. */
export function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error;
  const detail = error instanceof Error ? error.message : String(error);
  return new Problem({ status: 0, code: "client", title: t("Something went wrong in this page"), detail });
}

/** Say what failed and what to do next. `title` names the action: "The run was not started". */
export function toastProblem(error: unknown, title?: string): void {
  const problem = problemOf(error);
  const lines = [
    title && problem.detail,
    problem.hint,
    problem.requestId && t("Request {requestId}", { requestId: problem.requestId }),
  ];
  toast.error(title ?? problem.detail ?? problem.title, {
    description: lines.filter(Boolean).join(" · ") || undefined,
    duration: 10_000,
  });
}
