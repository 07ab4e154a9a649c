import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { Spline, X } from "lucide-react";
import { useState } from "react";
import { toastProblem } from "@/api/problem";
import {
  type Importable,
  orchestratorQuery,
  orchestratorsQuery,
  remoteNode,
  useCreateOrchestrator,
  useMay,
  useSaveOrchestrator,
} from "@/api/queries";
import { opened } from "@/canvas/graph";
import { beside, imported } from "@/canvas/import";
import { t } from "@/lib/text";
import { Button, Combobox, Dialog, Field, Input, Segmented } from "@/ui";

/** At the foot of the list while something is chosen. */
export function AddBar({ chosen, onClear }: { chosen: readonly Importable[]; onClear: () => void }) {
  if (chosen.length === 0) return null;
  return (
    <section
      aria-label={t("Chosen")}
      className="flex shrink-0 flex-wrap items-center justify-between gap-2 border-t bg-accent-soft px-4 py-2"
    >
      <p role="status" className="font-medium text-sm">
        {t("{chosen, plural, one {# workflow} other {# workflows}} chosen", { chosen: chosen.length })}
      </p>
      <span className="flex gap-2">
        <Button size="sm" icon={X} onClick={onClear}>
          {t("Clear")}
        </Button>
        <AddButton size="sm" workflows={chosen} />
      </span>
    </section>
  );
}

/** Asks where to, then adds these workflows as steps there. */
export function AddButton({ workflows, size }: { workflows: readonly Importable[]; size?: "sm" }) {
  const may = useMay("editor");
  const [open, setOpen] = useState(false);
  if (!may) return null;
  return (
    <>
      <Button variant="primary" size={size} icon={Spline} onClick={() => setOpen(true)}>
        {t("Add to canvas")}
      </Button>
      {open && <AddDialog workflows={workflows} onClose={() => setOpen(false)} />}
    </>
  );
}

function AddDialog({ workflows, onClose }: { workflows: readonly Importable[]; onClose: () => void }) {
  const client = useQueryClient();
  const navigate = useNavigate();
  const create = useCreateOrchestrator();
  const [where, setWhere] = useState<"new" | "known">("new");
  const [name, setName] = useState((workflows[0]?.name ?? "").slice(0, 200));
  const [target, setTarget] = useState<string | null>(null);
  const save = useSaveOrchestrator(target ?? "");
  const [search, setSearch] = useState("");
  const [pending, setPending] = useState(false);
  const known = useInfiniteQuery(orchestratorsQuery(search));
  const ready = where === "new" ? name.trim() !== "" : target !== null;

  const add = async () => {
    setPending(true);
    try {
      const nodes = await Promise.all(workflows.map((each) => remoteNode(each)));
      const found = where === "known" && target ? await client.fetchQuery(orchestratorQuery(target)) : null;
      const drawing = found ? opened(found.definition) : { nodes: [], edges: [] };
      const steps = imported(drawing, nodes, beside(drawing));
      const kept = found
        ? await save.mutateAsync({
            revision: found.revision,
            definition: { ...found.definition, nodes: [...(found.definition.nodes ?? []), ...steps] },
          })
        : await create.mutateAsync({
            name: name.trim(),
            definition: { version: 1, nodes: steps, edges: [] },
          });
      void client.invalidateQueries({ queryKey: ["offers"] });
      void navigate({
        to: "/orchestrators/$id",
        params: { id: kept.id },
        search: steps.length === 1 ? { node: steps[0]?.id } : {},
      });
    } catch (error) {
      toastProblem(error, t("Nothing was added"));
      setPending(false);
    }
  };
  const [only] = workflows;
  return (
    <Dialog
      open
      onOpenChange={onClose}
      size="sm"
      title={
        workflows.length === 1 && only
          ? t("Add {name}", { name: only.name })
          : t("Add {workflows, plural, one {# workflow} other {# workflows}}", {
              workflows: workflows.length,
            })
      }
      description={t("They become steps that call them, with what the platform says they take.")}
      footer={
        <>
          <Button onClick={onClose}>{t("Cancel")}</Button>
          <Button variant="primary" type="submit" form="add" pending={pending} disabled={!ready}>
            {t("Add")}
          </Button>
        </>
      }
    >
      <form
        id="add"
        className="flex flex-col gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          if (ready && !pending) void add();
        }}
      >
        <Segmented
          label={t("Where to")}
          value={where}
          onChange={setWhere}
          options={[
            { value: "new", label: t("A new orchestrator") },
            { value: "known", label: t("One that there is") },
          ]}
        />
        {where === "new" ? (
          <Field label={t("Name")}>
            <Input value={name} maxLength={200} onChange={(event) => setName(event.target.value)} />
          </Field>
        ) : (
          <Field label={t("Orchestrator")} hint={t("Saved as its next revision, right of what is drawn.")}>
            <Combobox
              placeholder={t("Choose an orchestrator")}
              value={target}
              onChange={setTarget}
              onSearch={setSearch}
              loading={known.isPending}
              options={(known.data?.pages.flatMap((page) => page.items) ?? []).map((each) => ({
                value: each.id,
                label: each.name,
                hint: t("Revision {revision}", { revision: each.revision }),
              }))}
            />
          </Field>
        )}
      </form>
    </Dialog>
  );
}
