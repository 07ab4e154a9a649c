import { useState } from "react";
import { problemOf } from "@/api/problem";
import { useChangeConnection } from "@/api/queries";
import type { Connection } from "@/api/types";
import { Notice } from "@/connecting";
import { Field, Select } from "@/ui";
import { FormDialog } from "./form-dialog";

type Use = Connection["use"];

const WHO = { operator: "Operators", editor: "Editors", admin: "Admins" } as const;
const AND_ABOVE = {
  operator: "Operators and above",
  editor: "Editors and above",
  admin: "Admins only",
} as const;

/** What is out of the ordinary in who may use a connection; null where nothing is. */
export function restriction(use: Use): string | null {
  if (use.draw === "editor" && use.start === "operator") return null;
  return `${WHO[use.draw]} draw with it, ${WHO[use.start].toLowerCase()} start runs`;
}

/** From which role on a connection is put into drawings, and runs are started that call with it. */
export function MayUseDialog({ connection, onClose }: { connection: Connection; onClose: () => void }) {
  const change = useChangeConnection(connection.id);
  const [use, setUse] = useState(connection.use);
  return (
    <FormDialog
      size="sm"
      title={`Who may use ${connection.name}`}
      description="Who may do neither does not see its workflows. Runs under way go on."
      action="Save"
      pending={change.isPending}
      disabled={use.draw === connection.use.draw && use.start === connection.use.start}
      onSubmit={() => change.mutate({ use }, { onSuccess: onClose })}
      onClose={onClose}
    >
      <div className="flex flex-col gap-4">
        <Field label="Put it into drawings">
          <Select
            value={use.draw}
            onChange={(draw) => setUse({ ...use, draw: draw as Use["draw"] })}
            options={(["editor", "admin"] as const).map((value) => ({ value, label: AND_ABOVE[value] }))}
          />
        </Field>
        <Field label="Start runs that call with it">
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
