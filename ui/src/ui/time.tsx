import { absolute, duration, elapsed, relative } from "@/lib/time";
import { useNow } from "@/lib/use-now";
import { Tooltip } from "./tooltip";

/** "5 min ago"; the full time on hover and on focus. `null`: a dash. A moment of the server's past is never shown as to come;
 * `ahead`: this one may be, as a deadline is. */
export function Timestamp({
  at,
  ahead,
  className,
}: {
  at: string | null | undefined;
  ahead?: boolean;
  className?: string;
}) {
  const now = useNow(10_000);
  if (!at) return <span className={className}>–</span>;
  return (
    <Tooltip content={absolute(at)}>
      <time dateTime={at} className={className}>
        {relative(at, ahead ? now : Math.max(now, Date.parse(at)))}
      </time>
    </Tooltip>
  );
}

/** How long it took; counts on while it has not ended. */
export function Elapsed({
  from,
  to,
  className,
}: {
  from: string | null;
  to: string | null;
  className?: string;
}) {
  const now = useNow(from !== null && to === null ? 1000 : 0);
  const spent = elapsed(from, to, Math.max(now, from === null ? 0 : Date.parse(from)));
  return <span className={`tabular ${className ?? ""}`}>{spent === null ? "–" : duration(spent)}</span>;
}
