import { useState } from "react";
import { toast } from "sonner";
import { problemOf } from "@/api/problem";
import { useChangeConnection } from "@/api/queries";
import type { Connection, JsonObject, Provider } from "@/api/types";
import { type Schema, SchemaForm } from "@/forms";
import { Button, Dialog } from "@/ui";
import { fieldErrors, filled } from "./credentials";
import { Notice } from "./result";

/** The fields of a connection that are secrets of their own. */
export function secretsOf(provider: Provider): string[] {
  const { properties } = provider.connectionForm as Schema;
  return Object.entries(properties ?? {})
    .filter(([, field]) => (field as { writeOnly?: boolean }).writeOnly)
    .map(([name]) => name);
}

type Props = { connection: Connection; provider: Provider; onClose: () => void };

/** New secrets for the same address and account: tested, then kept in the place of the old ones. */
export function RotateDialog({ connection, provider, onClose }: Props) {
  const change = useChangeConnection(connection.id);
  const [value, setValue] = useState<JsonObject>({});
  const problem = change.error ? problemOf(change.error) : null;
  const { "": _, ...errors } = fieldErrors(change.error) as Record<string, string>;
  const given = filled(value);
  return (
    <Dialog
      open
      onOpenChange={onClose}
      title={`Rotate the secrets of ${connection.name}`}
      description="Make a new key on the platform and paste it here. It is tested before it takes the old one's place; a field left empty stays as it is."
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button
            variant="primary"
            type="submit"
            form="rotate"
            pending={change.isPending}
            disabled={Object.keys(given).length === 0}
          >
            Test and rotate
          </Button>
        </>
      }
    >
      <form
        id="rotate"
        className="flex flex-col gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          change.mutate(
            { credentials: given },
            {
              onSuccess: () => {
                toast.success(`${connection.name} uses the new secrets`, {
                  description: "The old ones can be revoked on the platform now.",
                });
                onClose();
              },
            },
          );
        }}
      >
        <SchemaForm
          schema={provider.connectionForm as Schema}
          only={secretsOf(provider)}
          value={value}
          errors={errors}
          onChange={(next) => {
            setValue(next);
            if (change.error) change.reset();
          }}
          className="flex flex-col gap-4"
        />
        {problem && (
          <div role="alert">
            <Notice tone="failed" title={problem.detail ?? problem.title}>
              The old secrets are still in use. {problem.hint?.replace(/ Or send .*$/, "")}
            </Notice>
          </div>
        )}
      </form>
    </Dialog>
  );
}
