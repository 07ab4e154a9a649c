import { useState } from "react";
import { problemOf } from "@/api/problem";
import { useChangeConnection } from "@/api/queries";
import type { Connection, JsonObject, Provider } from "@/api/types";
import { fieldErrors, filled, Refusal, SecretStores } from "@/connecting";
import { type Schema, SchemaForm } from "@/forms";
import { t } from "@/lib/text";
import { toast } from "@/lib/toast";
import { FormDialog } from "./form-dialog";

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
  const given = filled(value);
  const rotate = () =>
    change.mutate(
      { credentials: given },
      {
        onSuccess: () => {
          toast.success(t("{name} uses the new secrets", { name: connection.name }), {
            description: t("The old ones can be revoked on the platform now."),
          });
          onClose();
        },
      },
    );
  return (
    <FormDialog
      title={t("Rotate the secrets of {name}", { name: connection.name })}
      description={t(
        "Make a new key on the platform and paste it here. It is tested before it takes the old one's place; a field left empty stays as it is.",
      )}
      action={t("Test and rotate")}
      pending={change.isPending}
      disabled={Object.keys(given).length === 0}
      onSubmit={rotate}
      onClose={onClose}
    >
      <SecretStores>
        <SchemaForm
          schema={provider.connectionForm as Schema}
          only={secretsOf(provider)}
          value={value}
          errors={fieldErrors(change.error)}
          onChange={(next) => {
            setValue(next);
            if (change.error) change.reset();
          }}
          className="flex flex-col gap-4"
        />
      </SecretStores>
      <Refusal error={change.error}>
        {t("The old secrets are still in use.")}{" "}
        {change.error && problemOf(change.error).hint?.replace(/ Or send .*$/, "")}
      </Refusal>
    </FormDialog>
  );
}
