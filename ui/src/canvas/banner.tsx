import { ArrowLeft } from "lucide-react";
import type { ReactNode } from "react";
import { t } from "@/lib/text";
import { Button } from "@/ui";

type Props = {
  name: string;
  /** What is on show instead of the current drawing. */
  label: string;
  children: ReactNode;
  actions?: ReactNode;
  onCurrent: () => void;
  back?: string;
};

/** Over a drawing that is not the current one: what it is, and the way back. */
export function Banner({ name, label, children, actions, onCurrent, back = t("Open current") }: Props) {
  return (
    <header className="shrink-0 border-b bg-surface">
      <h1 className="sr-only">{name}</h1>
      <section
        aria-label={label}
        className="flex min-h-12 flex-wrap items-center gap-x-3 gap-y-1.5 bg-accent-soft px-3 py-2 text-sm"
      >
        <span aria-hidden className="min-w-0 max-w-56 truncate font-semibold">
          {name}
        </span>
        {children}
        <span className="flex-1" />
        {actions}
        <Button size="sm" icon={ArrowLeft} onClick={onCurrent}>
          {back}
        </Button>
      </section>
    </header>
  );
}
