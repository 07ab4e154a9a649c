import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useMemo, useState } from "react";
import { revisionQuery, useMay } from "@/api/queries";
import type { Graph, OrchestratorDetail } from "@/api/types";
import { t } from "@/lib/text";
import { Button, Loaded } from "@/ui";
import { Banner } from "../banner";
import type { Place } from "../frame";
import type { Kinds } from "../graph";
import { dirty, useFlowControl } from "../store";
import type { Marked } from "../surroundings";
import type { Saving } from "../use-save";
import { Viewer } from "../viewer";
import { ChangesPanel } from "./changes";
import { type Difference, diff, together } from "./diff";
import { MARKS } from "./mark";

type Props = {
  found: OrchestratorDetail;
  kinds: Kinds;
  place: Place;
  onPlace: (place: Place) => void;
  saving: Saving;
};

/** What has changed: from an earlier revision to the newest, from what is published to the one on show, or from the newest to what
 * is drawn here and not saved. */
export function Comparison(props: Props) {
  const { found, place } = props;
  if (place.compare === "published" && found.publishedRevision !== null) {
    return <SincePublished {...props} published={found.publishedRevision} />;
  }
  return place.compare === "mine" || place.revision === undefined ? (
    <Mine {...props} />
  ) : (
    <Earlier {...props} revision={place.revision} />
  );
}

function SincePublished(props: Props & { published: number }) {
  const { found, place, published } = props;
  const control = useFlowControl();
  const [drawn] = useState(control.definition);
  const unsaved = dirty(control.store.getState());
  const revision = place.revision ?? found.revision;
  const before = useQuery(revisionQuery(found.id, published));
  const after = useQuery({ ...revisionQuery(found.id, revision), enabled: place.revision !== undefined });
  const show = (definition: Graph) => (
    <Loaded query={before} title={t("Revision {published} cannot be shown", { published })}>
      {(past) => (
        <Changes
          {...props}
          key={`${published} ${revision}`}
          before={past.definition}
          after={definition}
          title={t("Published revision {published} compared with {what}", {
            published,
            what:
              place.revision === undefined && unsaved
                ? t("your drawing")
                : t("revision {revision}", { revision }),
          })}
        />
      )}
    </Loaded>
  );
  if (place.revision === undefined) return show(unsaved ? drawn : found.definition);
  return (
    <Loaded query={after} title={t("Revision {revision} cannot be shown", { revision })}>
      {(shown) => show(shown.definition)}
    </Loaded>
  );
}

function Earlier(props: Props & { revision: number }) {
  const { found, revision } = props;
  const query = useQuery(revisionQuery(found.id, revision));
  return (
    <Loaded query={query} title={t("Revision {revision} cannot be shown", { revision })}>
      {(past) => (
        <Changes
          {...props}
          key={`${past.revision} ${found.revision}`}
          before={past.definition}
          after={found.definition}
          title={t("Revision {revision} compared with the current {revision2}", {
            revision: past.revision,
            revision2: found.revision,
          })}
        />
      )}
    </Loaded>
  );
}

function Mine(props: Props) {
  const { found, place, onPlace, saving } = props;
  const control = useFlowControl();
  const editable = useMay("editor");
  const [after] = useState(control.definition);
  const { revision } = control.store.getState();
  const leave = () => onPlace({ ...place, compare: undefined, node: undefined });
  const newer = revision !== found.revision;
  return (
    <Changes
      {...props}
      key={found.revision}
      before={found.definition}
      after={after}
      title={
        newer
          ? t("Theirs (revision {revision}) compared with yours", { revision: found.revision })
          : t("Revision {revision} compared with your drawing", { revision: found.revision })
      }
      back={t("Back to my drawing")}
      actions={
        editable && (
          <>
            {newer && (
              <>
                <Button
                  size="sm"
                  variant="danger"
                  disabled={saving.pending}
                  onClick={() => void saving.reload().then((done) => done && leave())}
                >
                  {t("Reload, dropping my changes")}
                </Button>
                <Button size="sm" disabled={saving.pending} onClick={() => void saving.copy()}>
                  {t("Save mine as a copy")}
                </Button>
              </>
            )}
            <Button
              size="sm"
              variant={newer ? "danger" : "primary"}
              pending={saving.pending}
              onClick={() => void saving.save(newer).then((done) => done && leave())}
            >
              {newer ? t("Overwrite with mine") : t("Save")}
            </Button>
          </>
        )
      }
    />
  );
}

type ChangesProps = Props & {
  before: Graph;
  after: Graph;
  title: string;
  actions?: ReactNode;
  back?: string;
};

function Changes({ found, kinds, place, onPlace, before, after, title, actions, back }: ChangesProps) {
  const difference = useMemo(() => diff(before, after), [before, after]);
  const drawn = useMemo(() => together(before, after), [before, after]);
  const { nodes, wires } = useMemo(() => marksOf(difference), [difference]);
  const leave = () => onPlace({ ...place, compare: undefined, revision: undefined, node: undefined });
  const total = difference.nodes.length + difference.wires.length + difference.settings.length;
  return (
    <Viewer
      found={found}
      kinds={kinds}
      place={{ ...place, panel: undefined }}
      onPlace={(next) => onPlace({ ...next, panel: place.panel })}
      definition={drawn}
      marks={nodes}
      wireMarks={wires}
      plain
      banner={
        <Banner name={found.name} label={t("Comparison")} onCurrent={leave} actions={actions} back={back}>
          <span>{title}</span>
          <span className="text-muted text-xs">
            {total === 0
              ? t("They are the same.")
              : t("{total, plural, one {# change} other {# changes}}", { total })}
          </span>
        </Banner>
      }
      side={<ChangesPanel difference={difference} chosen={place.node} />}
    />
  );
}

function marksOf(difference: Difference) {
  return {
    nodes: new Map<string, Marked>(
      difference.nodes.map(({ id, mark }) => [id, { mark, text: MARKS[mark].word }]),
    ),
    wires: new Map(difference.wires.map(({ id, mark }) => [id, mark])),
  };
}
