import { CircleAlert, CircleCheck, TriangleAlert } from "lucide-react";
import type { ReactNode } from "react";
import { problemOf } from "@/api/problem";
import type { TestAnswer } from "@/api/types";
import { cn } from "@/lib/cn";
import { t } from "@/lib/text";
import { duration } from "@/lib/time";
import { TONE_TEXT, type Tone } from "@/ui";

const ICONS = { done: CircleCheck, warning: TriangleAlert, failed: CircleAlert };

/** A short message in the flow of a form or a card: an icon, what is the case, what to do. */
export function Notice({
  tone,
  title,
  children,
  className,
}: {
  tone: Extract<Tone, "done" | "warning" | "failed">;
  title: ReactNode;
  children?: ReactNode;
  className?: string;
}) {
  const Icon = ICONS[tone];
  return (
    <div className={cn("flex gap-2 rounded-md bg-sunken px-3 py-2 text-sm", className)}>
      <Icon aria-hidden className={cn("mt-0.5 size-4 shrink-0", TONE_TEXT[tone])} />
      <div className="min-w-0">
        <p className="break-words font-medium">{title}</p>
        {children && <div className="break-words text-muted text-xs">{children}</div>}
      </div>
    </div>
  );
}

/** Why the server would not have it, below a form; nothing where there is no error. `children` instead of its hint. */
export function Refusal({ error, children }: { error: unknown; children?: ReactNode }) {
  if (!error) return null;
  const problem = problemOf(error);
  return (
    <div role="alert">
      <Notice tone="failed" title={problem.detail ?? problem.title}>
        {children ?? problem.hint}
      </Notice>
    </div>
  );
}

/** What a good test found, in a line. */
export function found(answer: TestAnswer): string {
  const parts = [
    answer.workflows !== null &&
      t("{workflows, plural, one {# workflow} other {# workflows}} found", { workflows: answer.workflows }),
    answer.account,
    answer.version && t("version {version}", { version: answer.version }),
    t("answered in {time}", { time: duration(answer.latencyMs) }),
  ];
  return parts.filter(Boolean).join(" · ");
}

/** The test of new credentials: how many workflows there are, or what is wrong and what to do. */
export function TestResult({ title, answer }: { title: string; answer: TestAnswer }) {
  if (!answer.ok) {
    return (
      <div role="alert">
        <Notice tone="failed" title={answer.problem?.message ?? t("{title} refused the test.", { title })}>
          {answer.problem?.hint ?? t("Go back and check the address and the credentials.")}
        </Notice>
      </div>
    );
  }
  return (
    <div role="status" className="flex flex-col gap-2">
      <Notice
        tone="done"
        title={
          answer.workflows === null
            ? t("{title} accepts these credentials", { title })
            : t("{title} answers: {workflows, plural, one {# workflow} other {# workflows}} found", {
                title,
                workflows: answer.workflows,
              })
        }
      >
        {found({ ...answer, workflows: null })}
      </Notice>
      {answer.warnings.map((warning) => (
        <Notice key={warning} tone="warning" title={warning} />
      ))}
    </div>
  );
}
