import { useQuery } from "@tanstack/react-query";
import { GitCompare, RotateCcw } from "lucide-react";
import { revisionQuery, useMay } from "@/api/queries";
import type { OrchestratorDetail } from "@/api/types";
import { Button, Loaded, Timestamp } from "@/ui";
import { Banner } from "../banner";
import type { Place } from "../frame";
import type { Kinds } from "../graph";
import { useFlowControl } from "../store";
import { Viewer } from "../viewer";
import { useRestore } from "./restore";
import { VersionsSide } from "./side";

type Props = {
  found: OrchestratorDetail;
  kinds: Kinds;
  place: Place;
  onPlace: (place: Place) => void;
  revision: number;
};

/** An earlier save, to look at. */
export function PastRevision({ found, kinds, place, onPlace, revision }: Props) {
  const control = useFlowControl();
  const editable = useMay("editor");
  const query = useQuery(revisionQuery(found.id, revision));
  const current = () => onPlace({ ...place, revision: undefined, node: undefined });
  const restoring = useRestore(found, control, current);
  const banner = (
    <Banner
      name={found.name}
      label="Earlier revision"
      onCurrent={current}
      actions={
        query.data && (
          <>
            <Button size="sm" icon={GitCompare} onClick={() => onPlace({ ...place, compare: "current" })}>
              Compare with current
            </Button>
            {editable && (
              <Button
                size="sm"
                icon={RotateCcw}
                pending={restoring.pending}
                onClick={() => restoring.ask(revision)}
              >
                Restore
              </Button>
            )}
          </>
        )
      }
    >
      <span>
        Revision {revision} <span className="text-muted">(current {found.revision})</span>
      </span>
      {query.data && (
        <span className="text-muted text-xs">
          {query.data.createdBy}, <Timestamp at={query.data.createdDate} />
        </span>
      )}
    </Banner>
  );
  return (
    <>
      {!query.data && banner}
      <Loaded query={query} title={`Revision ${revision} cannot be shown`}>
        {({ definition }) => (
          <Viewer
            found={found}
            kinds={kinds}
            place={place}
            onPlace={onPlace}
            definition={definition}
            banner={banner}
            side={
              place.panel === "versions" && (
                <VersionsSide
                  found={found}
                  control={control}
                  place={place}
                  onPlace={onPlace}
                  shown={revision}
                />
              )
            }
          />
        )}
      </Loaded>
      {restoring.dialog}
    </>
  );
}
