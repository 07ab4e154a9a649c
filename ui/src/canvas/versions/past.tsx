import { useQuery } from "@tanstack/react-query";
import { GitCompare, RotateCcw, Upload } from "lucide-react";
import { useState } from "react";
import { revisionQuery, useMay } from "@/api/queries";
import type { OrchestratorDetail } from "@/api/types";
import { rich, t } from "@/lib/text";
import { Badge, Button, Loaded, Timestamp } from "@/ui";
import { Banner } from "../banner";
import type { Place } from "../frame";
import type { Kinds } from "../graph";
import { PublishDialog } from "../later";
import { useFlowControl } from "../store";
import { useUnpublish } from "../use-unpublish";
import { Viewer } from "../viewer";
import { useRestore } from "./restore";

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
  const [publishing, setPublishing] = useState(false);
  const published = found.publishedRevision;
  const taking = useUnpublish(found);
  const banner = (
    <Banner
      name={found.name}
      label={t("Earlier revision")}
      onCurrent={current}
      actions={
        query.data && (
          <>
            <Button size="sm" icon={GitCompare} onClick={() => onPlace({ ...place, compare: "current" })}>
              {t("Compare with current")}
            </Button>
            {published !== null && published !== revision && published !== found.revision && (
              <Button size="sm" icon={GitCompare} onClick={() => onPlace({ ...place, compare: "published" })}>
                {t("Compare with published")}
              </Button>
            )}
            {editable && published !== revision && (
              <Button size="sm" icon={Upload} onClick={() => setPublishing(true)}>
                {t("Publish")}
              </Button>
            )}
            {editable && published === revision && (
              <Button size="sm" pending={taking.pending} onClick={taking.unpublish}>
                {t("Unpublish")}
              </Button>
            )}
            {editable && (
              <Button
                size="sm"
                icon={RotateCcw}
                pending={restoring.pending}
                onClick={() => restoring.ask(revision)}
              >
                {t("Restore")}
              </Button>
            )}
          </>
        )
      }
    >
      <span>
        {rich("Revision {revision} <span>(current {revision2})</span>", {
          revision,
          revision2: found.revision,
          span: (inner) => <span className="text-muted">{inner}</span>,
        })}
        {published === revision && (
          <Badge tone="done" className="ml-2">
            {t("Published")}
          </Badge>
        )}
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
      <Loaded query={query} title={t("Revision {revision} cannot be shown", { revision })}>
        {({ definition }) => (
          <Viewer
            found={found}
            kinds={kinds}
            place={place}
            onPlace={onPlace}
            definition={definition}
            banner={banner}
            versions={{ shown: revision, control }}
          />
        )}
      </Loaded>
      {restoring.dialog}
      {publishing && query.data && (
        <PublishDialog
          found={found}
          definition={query.data.definition}
          revision={revision}
          save={() => Promise.resolve(revision)}
          onCompare={() => onPlace({ ...place, compare: "published" })}
          onClose={() => setPublishing(false)}
        />
      )}
    </>
  );
}
