import { type ReactNode, useEffect } from "react";
import { cn } from "@/lib/cn";

type Props = {
  title: string;
  /** Beside the title: a count, a state. */
  badge?: ReactNode;
  description?: ReactNode;
  actions?: ReactNode;
  /** Between the head and the content, full width: filters, tabs. */
  bar?: ReactNode;
  /** "fill": the content manages its own scrolling and edges (tables, split panes). */
  layout?: "flow" | "fill";
  children: ReactNode;
};

/** The frame of every screen but the canvas: one h1, the document's title, and the scrolling. */
export function Page({ title, badge, description, actions, bar, layout = "flow", children }: Props) {
  useDocumentTitle(title);
  return (
    <div className={cn("flex h-full min-h-0 flex-col", layout === "flow" && "overflow-y-auto")}>
      <header className="flex shrink-0 flex-wrap items-center gap-x-3 gap-y-2 px-4 pt-5 pb-4 md:px-6">
        <div className="min-w-36 flex-1">
          <div className="flex items-center gap-2.5">
            <h1 className="truncate font-semibold text-xl tracking-[-0.01em]">{title}</h1>
            {badge}
          </div>
          {description && <p className="mt-0.5 text-muted text-sm">{description}</p>}
        </div>
        {actions && <div className="flex flex-wrap items-center gap-2">{actions}</div>}
      </header>
      {bar && <div className="shrink-0 px-4 pb-3 md:px-6">{bar}</div>}
      <div className={cn("px-4 pb-6 md:px-6", layout === "fill" && "flex min-h-0 flex-1 flex-col")}>
        {children}
      </div>
    </div>
  );
}

/** The browser tab's text. The canvas, which has no Page, calls it itself. */
export function useDocumentTitle(title: string): void {
  useEffect(() => {
    document.title = title ? `${title} · Baton` : "Baton";
  }, [title]);
}

type SectionProps = {
  title: ReactNode;
  actions?: ReactNode;
  description?: ReactNode;
  children: ReactNode;
  className?: string;
  flush?: boolean;
};

/** A card with a heading. `flush`: the content reaches the edges (tables, lists). */
export function Section({ title, actions, description, children, className, flush }: SectionProps) {
  return (
    <section className={cn("flex min-w-0 flex-col rounded-lg border bg-surface shadow-card", className)}>
      <header className="flex min-h-11 items-center justify-between gap-3 border-b px-4 py-1.5">
        <div className="min-w-0">
          <h2 className="font-semibold text-sm">{title}</h2>
          {description && <p className="text-muted text-xs">{description}</p>}
        </div>
        {actions && <div className="flex items-center gap-1">{actions}</div>}
      </header>
      <div className={cn("min-h-0 flex-1", !flush && "p-4")}>{children}</div>
    </section>
  );
}
