import { Link } from "@tanstack/react-router";
import { LoaderCircle, RefreshCw, TriangleAlert } from "lucide-react";
import type { ReactNode } from "react";
import { toastProblem } from "@/api/problem";
import { useRefreshOffers } from "@/api/queries";
import type { OfferConnection, Provider } from "@/api/types";
import { leftOut } from "@/connecting";
import { rich, t } from "@/lib/text";
import { Button, Timestamp } from "@/ui";

type Props = { parts: readonly OfferConnection[]; total: number; providers: readonly Provider[] };

/** How many there are, how old the list is, and for each connection that could not be read: why. */
export function Freshness({ parts, total, providers }: Props) {
  const refresh = useRefreshOffers();
  const oldest = parts.map((each) => each.syncedAt).reduce(older, undefined);
  const reading = parts.filter((each) => each.renewing);
  const troubled = parts.filter((each) => each.problem || each.status === "INACTIVE");
  const partial = parts.filter((each) => each.leftOut.length > 0);
  const title = (name: string) => providers.find((each) => each.name === name)?.title ?? name;
  return (
    <div className="shrink-0 border-b text-xs">
      <div className="flex min-h-10 items-center justify-between gap-3 py-1 pr-2 pl-4">
        <p role="status" className="flex min-w-0 flex-wrap items-center gap-x-1.5 text-muted">
          <span className="tabular font-medium text-ink">
            {t("{total, plural, one {# workflow} other {# workflows}}", { total })}
          </span>
          {oldest && <span>· {rich("Synced {when}", { when: <Timestamp at={oldest} /> })}</span>}
          {reading.length > 0 && (
            <span className="flex items-center gap-1">
              · <LoaderCircle aria-hidden className="size-3.5 animate-spin" />{" "}
              {t("Reading {reading} …", { reading: reading.map((each) => each.name).join(", ") })}
            </span>
          )}
        </p>
        <Button
          size="sm"
          icon={RefreshCw}
          pending={refresh.isPending}
          disabled={reading.length > 0}
          onClick={() =>
            refresh.mutate(undefined, {
              onError: (error) => toastProblem(error, t("The lists were not read")),
            })
          }
        >
          {t("Refresh")}
        </Button>
      </div>
      {troubled.length + partial.length > 0 && (
        <ul className="max-h-32 overflow-y-auto border-t">
          {partial.map((each) => (
            <About key={`${each.connectionId} part`} connection={each}>
              {t("is not shown whole. {leftOut}", { leftOut: leftOut(each.leftOut).join(" ") })}
            </About>
          ))}
          {troubled.map((each) => (
            <About key={each.connectionId} connection={each}>
              <Told part={each} title={title(each.provider)} />{" "}
              {each.syncedAt
                ? rich("This is the list of {when}.", { when: <Timestamp at={each.syncedAt} /> })
                : t("Its list was never read.")}{" "}
              <span className="text-muted">
                {each.status !== "INACTIVE" && `${each.problem?.message ?? ""} ${each.problem?.hint ?? ""}`}
              </span>
            </About>
          ))}
        </ul>
      )}
    </div>
  );
}

/** A line about one connection, which it leads to. */
function About({ connection, children }: { connection: OfferConnection; children: ReactNode }) {
  return (
    <li className="flex gap-1.5 px-4 py-1.5">
      <TriangleAlert aria-hidden className="mt-px size-3.5 shrink-0 text-st-warning" />
      <p className="min-w-0">
        <Link
          to="/connections"
          search={{ open: connection.connectionId }}
          className="font-medium hover:underline"
        >
          {connection.name}
        </Link>{" "}
        {children}
      </p>
    </li>
  );
}

function Told({ part, title }: { part: OfferConnection; title: string }) {
  if (part.status === "INACTIVE") return t("is switched off.");
  const when = part.retryAt ? <Timestamp at={part.retryAt} ahead /> : t("in a minute");
  return part.problem?.code === "rate-limited"
    ? rich("is told by {title} to slow down; it is asked again {when}.", { title, when })
    : rich("could not be read; it is asked again {when}.", { when });
}

function older(before: string | undefined, at: string | null): string | undefined {
  return at === null || (before !== undefined && before < at) ? before : at;
}
