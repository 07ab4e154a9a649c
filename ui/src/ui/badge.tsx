import type { ReactNode } from "react";
import { cn } from "@/lib/cn";
import { TONE_TEXT, type Tone } from "./status";

/** A small word that is not a state: a revision, a kind, a tag. States are StatusBadge. */
export function Badge({
  children,
  tone,
  className,
}: {
  children: ReactNode;
  tone?: Tone;
  className?: string;
}) {
  return (
    <span
      className={cn(
        "inline-flex w-fit shrink-0 items-center gap-1 rounded-sm px-1.5 font-medium text-2xs leading-4.5",
        tone ? [TONE_TEXT[tone], "bg-current/8"] : "bg-sunken text-muted",
        className,
      )}
    >
      {children}
    </span>
  );
}

const LETTERS: Record<string, string> = {
  n8n: "n8",
  make: "Mk",
  zapier: "Za",
  airflow: "Af",
  flowise: "Fl",
  baton: "Ba",
};

/** Which platform: letters in an outline, never a state's colour. */
export function ProviderChip({ provider, size = "sm" }: { provider: string; size?: "sm" | "lg" }) {
  return (
    <span
      aria-hidden
      className={cn(
        "grid shrink-0 place-items-center rounded-md border border-line bg-surface font-semibold text-muted leading-none",
        size === "sm" ? "size-5 text-[0.625rem]" : "size-9 text-sm",
      )}
    >
      {LETTERS[provider] ?? provider.slice(0, 2)}
    </span>
  );
}
