import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { GitCompare, RotateCw } from "lucide-react";
import { useMemo } from "react";
import { useRunEvents, useRunLines } from "@/api/events";
import { revisionQuery, useMay } from "@/api/queries";
import type { OrchestratorDetail, RunDetail } from "@/api/types";
import { rich, t } from "@/lib/text";
import { Button, ErrorState, Loaded, StatusBadge } from "@/ui";
import { Banner } from "../banner";
import { Drawer } from "../drawer/drawer";
import type { Place } from "../frame";
import type { Kinds } from "../graph";
import { useFlowControl } from "../store";
import { Viewer } from "../viewer";
import { frozen, stateAt, until } from "./at";
import { Scrubber } from "./scrubber";
import { useTime } from "./use-time";

type Props = {
  found: OrchestratorDetail;
  kinds: Kinds;
  place: Place;
  onPlace: (place: Place) => void;
  run: RunDetail;
};

/** A run that is over, on the drawing it ran: canvas, data and log as they were at the time on the scrubber. */
export function Replay({ found, kinds, place, onPlace, run }: Props) {
  const query = useQuery(revisionQuery(run.orchestratorId, run.revision));
  const stream = useRunEvents(run.id);
  const lines = useRunLines(run.id);
  const time = useTime(run, lines);
  const control = useFlowControl();
  const operates = useMay("operator");
  const at = useMemo(
    () => (time.now >= time.end ? run : frozen(stateAt(run, lines, time.now), time.now)),
    [run, lines, time.now, time.end],
  );
  const told = useMemo(() => until(lines, time.now), [lines, time.now]);
  const older = run.revision !== found.revision;
  const current = () => onPlace({ ...place, run: undefined, node: undefined });
  const banner = (
    <Banner
      name={found.name}
      label={t("Run")}
      onCurrent={current}
      actions={
        <>
          {older && (
            <Button
              size="sm"
              icon={GitCompare}
              onClick={() =>
                onPlace({
                  ...place,
                  run: undefined,
                  revision: run.revision,
                  compare: "current",
                  node: undefined,
                })
              }
            >
              {t("Compare")}
            </Button>
          )}
          {operates && (
            <Button size="sm" asChild>
              <Link to="/runs/$runId" params={{ runId: run.id }} search={{ again: true }}>
                <RotateCw aria-hidden /> {t("Re-run…")}
              </Link>
            </Button>
          )}
        </>
      }
    >
      <Link
        to="/runs/$runId"
        params={{ runId: run.id }}
        className="font-semibold text-accent-text underline underline-offset-2"
      >
        {t("Run {number}", { number: run.number })}
      </Link>
      <StatusBadge status={at.status} plain />
      <span>
        {rich("Revision {revision} {what}", {
          revision: run.revision,
          what: (
            <span className="text-muted">
              {older ? t("(current {revision})", { revision: found.revision }) : t("(current)")}
            </span>
          ),
        })}
      </span>
      {at.error && (
        <span className="min-w-0 max-w-96 truncate text-st-failed text-xs">{at.error.message}</span>
      )}
    </Banner>
  );
  if (query.error && !query.data) {
    return (
      <>
        {banner}
        <ErrorState
          error={query.error}
          title={t("Revision {revision} cannot be shown", { revision: run.revision })}
          retry={() => void query.refetch()}
        />
      </>
    );
  }
  return (
    <Loaded query={query}>
      {({ definition }) => (
        <Viewer
          found={found}
          kinds={kinds}
          place={place}
          onPlace={onPlace}
          definition={definition}
          run={{ id: run.id, at }}
          banner={banner}
          versions={{ shown: run.revision, control }}
        >
          <Scrubber time={time} run={run} lines={lines} loading={stream !== "ended"} />
          <Drawer place={place} onPlace={onPlace} lines={told} />
        </Viewer>
      )}
    </Loaded>
  );
}
