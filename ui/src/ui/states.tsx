import { CloudOff, type LucideIcon, RefreshCw } from "lucide-react";
import type { ReactNode } from "react";
import { problemOf } from "@/api/problem";
import { cn } from "@/lib/cn";
import { rich, t } from "@/lib/text";
import { Button } from "./button";
import { CopyButton } from "./copy";

type EmptyProps = {
  icon?: LucideIcon;
  title: ReactNode;
  children?: ReactNode;
  actions?: ReactNode;
  className?: string;
};

/** Nothing here yet, or nothing that fits: says why and what to do. */
export function EmptyState({ icon: Icon, title, children, actions, className }: EmptyProps) {
  return (
    <div
      className={cn("flex flex-col items-center justify-center gap-1.5 px-6 py-14 text-center", className)}
    >
      {Icon && (
        <span className="mb-2 grid size-11 place-items-center rounded-xl border border-line bg-surface text-muted shadow-card">
          <Icon aria-hidden className="size-5" />
        </span>
      )}
      <h2 className="font-semibold text-base">{title}</h2>
      {children && <div className="max-w-md text-muted text-sm">{children}</div>}
      {actions && <div className="mt-3 flex flex-wrap justify-center gap-2">{actions}</div>}
    </div>
  );
}

/** What failed, why, what next, and the id to quote. `compact`: one block of text, for a small section. */
export function ErrorState({
  error,
  retry,
  title,
  className,
  compact,
}: {
  error: unknown;
  retry?: () => void;
  title?: string;
  className?: string;
  compact?: boolean;
}) {
  const problem = problemOf(error);
  if (compact) {
    return (
      <div role="alert" className={cn("flex items-start gap-2.5 px-4 py-3 text-sm", className)}>
        <CloudOff aria-hidden className="mt-0.5 size-4 shrink-0 text-st-failed" />
        <div className="min-w-0 flex-1">
          <p className="font-medium">{title ?? problem.title}</p>
          <p className="text-muted text-xs">
            {problem.detail} {problem.hint}
            {problem.requestId && (
              <>
                {" "}
                {rich("Request {requestId}", {
                  requestId: <code className="font-mono">{problem.requestId}</code>,
                })}
              </>
            )}
          </p>
        </div>
        {retry && (
          <Button size="sm" icon={RefreshCw} onClick={retry}>
            {t("Try again")}
          </Button>
        )}
      </div>
    );
  }
  return (
    <div
      role="alert"
      className={cn("flex flex-col items-center justify-center gap-1.5 px-6 py-14 text-center", className)}
    >
      <span className="mb-2 grid size-11 place-items-center rounded-xl border border-line bg-surface text-st-failed shadow-card">
        <CloudOff aria-hidden className="size-5" />
      </span>
      <h2 className="font-semibold text-base">{title ?? problem.title}</h2>
      <p className="max-w-md text-muted text-sm">
        {problem.detail} {problem.hint}
      </p>
      {problem.requestId && (
        <p className="flex items-center gap-1 text-muted text-xs">
          {rich("Request {requestId}", { requestId: <code className="font-mono">{problem.requestId}</code> })}
          <CopyButton text={problem.requestId} label={t("Copy request id")} />
        </p>
      )}
      {retry && (
        <Button icon={RefreshCw} onClick={retry} className="mt-3">
          {t("Try again")}
        </Button>
      )}
    </div>
  );
}

/** A grey stand-in of the size of what will come. Decoration: the region around it says `aria-busy`. */
export function Skeleton({ className }: { className?: string }) {
  return <span aria-hidden className={cn("block h-4 animate-pulse rounded-sm bg-hover", className)} />;
}

/** Several lines of stand-ins. */
export function SkeletonRows({ rows = 6, className }: { rows?: number; className?: string }) {
  return (
    <div role="status" aria-label={t("Loading")} className={cn("flex flex-col gap-3 p-4", className)}>
      {Array.from({ length: rows }, (_, row) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: they are all alike
        <Skeleton key={row} className={row % 3 === 2 ? "w-2/3" : "w-full"} />
      ))}
    </div>
  );
}

/** The states every query has, in one place: skeleton, error with retry, then the data. A refetch keeps what is there. */
export function Loaded<T>({
  query,
  children,
  skeleton,
  title,
  compact,
}: {
  query: { data: T | undefined; error: unknown; isPending: boolean; refetch: () => unknown };
  children: (data: T) => ReactNode;
  skeleton?: ReactNode;
  title?: string;
  /** For a small section: the error takes no more room than it needs. */
  compact?: boolean;
}) {
  if (query.data !== undefined) return <>{children(query.data)}</>;
  if (query.error) {
    return (
      <ErrorState error={query.error} title={title} compact={compact} retry={() => void query.refetch()} />
    );
  }
  return <>{skeleton ?? <SkeletonRows />}</>;
}
