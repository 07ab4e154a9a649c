import { useState } from "react";
import { problemOf } from "@/api/problem";
import { useChangeConnection } from "@/api/queries";
import type { Connection } from "@/api/types";
import { Notice } from "@/connecting";
import { t } from "@/lib/text";
import { Field, Select } from "@/ui";
import { FormDialog } from "./form-dialog";

type Use = Connection["use"];

const WHO = { operator: t("Operators"), editor: t("Editors"), admin: t("Admins") } as const;
const AND_ABOVE = {
  operator: t("Operators and above"),
  editor: t("Editors and above"),
  admin: t("Admins only"),
} as const;

/** What is out of the ordinary in who may use a connection; null where nothing is. */
export function restriction(use: Use): string | null {
  if (use.draw === "editor" && use.start === "operator") return null;
  return t("{who} draw with it, {who2} start runs", {
    who: WHO[use.draw],
    who2: WHO[use.start].toLowerCase(),
  });
}

/** From which role on a connection is put into drawings, and runs are started that call with it. */
export function MayUseDialog({ connection, onClose }: { connection: Connection; onClose: () => void }) {
  const change = useChangeConnection(connection.id);
  const [use, setUse] = useState(connection.use);
  return (
    <FormDialog
      size="sm"
      title={t("Who may use {name}", { name: connection.name })}
      description={t("Who may do neither does not see its workflows. Runs under way go on.")}
      action={t("Save")}
      pending={change.isPending}
      disabled={use.draw === connection.use.draw && use.start === connection.use.start}
      onSubmit={() => change.mutate({ use }, { onSuccess: onClose })}
      onClose={onClose}
    >
      <div className="flex flex-col gap-4">
        <Field label={t("Put it into drawings")}>
          <Select
            value={use.draw}
            onChange={(draw) => setUse({ ...use, draw: draw as Use["draw"] })}
            options={(["editor", "admin"] as const).map((value) => ({ value, label: AND_ABOVE[value] }))}
          />
        </Field>
        <Field label={t("Start runs that call with it")}>
          <Select
            value={use.start}
            onChange={(start) => setUse({ ...use, start: start as Use["start"] })}
            options={(["operator", "editor", "admin"] as const).map((value) => ({
              value,
              label: AND_ABOVE[value],
            }))}
          />
        </Field>
        {change.error && <Notice tone="failed" title={problemOf(change.error).detail} />}
      </div>
    </FormDialog>
  );
}
