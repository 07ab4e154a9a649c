import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useMemo } from "react";
import { problemOf } from "@/api/problem";
import { secretStoresQuery, useMay } from "@/api/queries";
import type { JsonObject } from "@/api/types";
import { type FormErrors, FormSurroundingsProvider, type Schema, SchemaForm } from "@/forms";
import { t } from "@/lib/text";
import { Checkbox } from "@/ui";

type Props = {
  schema: Schema;
  value: JsonObject;
  onChange: (value: JsonObject) => void;
  errors: FormErrors;
  /** Counted up with each try to send it. */
  attempt?: number;
  allowPrivate: boolean;
  onAllowPrivate: (value: boolean) => void;
};

/** The provider's own form. Addresses that are right for nearly everybody are folded away. */
export function CredentialsForm({
  schema,
  value,
  onChange,
  errors,
  attempt,
  allowPrivate,
  onAllowPrivate,
}: Props) {
  const admin = useMay("admin");
  const names = Object.keys(schema.properties ?? {});
  const rare = names.filter((name) => typeof schema.properties?.[name]?.default === "string");
  const form = { schema, value, onChange, errors, calm: attempt !== undefined, attempt };
  return (
    <div className="flex flex-col gap-4">
      <SecretStores>
        <SchemaForm {...form} except={rare} />
      </SecretStores>
      {rare.length > 0 && (
        <details className="group" open={rare.some((name) => errors[`/${name}`]) || undefined}>
          <summary className="w-fit cursor-pointer text-muted text-sm hover:text-ink">
            {t("More settings")}
          </summary>
          <SchemaForm {...form} only={rare} className="mt-3 flex flex-col gap-4" />
        </details>
      )}
      {admin && (
        <div>
          <Checkbox
            checked={allowPrivate}
            onCheckedChange={(next) => onAllowPrivate(next === true)}
            label={t("May call private networks")}
          />
          <p className="ml-6 text-muted text-xs">
            {t("Needed where the platform runs in your own network or on this machine.")}
          </p>
        </div>
      )}
    </div>
  );
}

/** Lets the secrets of the form inside stand in the server's secret stores, for those who may say so. */
export function SecretStores({ children }: { children: ReactNode }) {
  const admin = useMay("admin");
  const { data: stores } = useQuery(secretStoresQuery);
  const secretStores = admin && stores && stores.kinds.length > 0 ? stores : undefined;
  const surroundings = useMemo(() => ({ secretStores }), [secretStores]);
  return <FormSurroundingsProvider value={surroundings}>{children}</FormSurroundingsProvider>;
}

/** The value as the form's schema knows it: a text in the place of each reference to a secret store. */
export function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  if ("ref" in value && Object.keys(value).length === 1) return t("in a secret store");
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, plain(item)]));
}

/** Empty texts are no values: the field counts as left out. */
export function filled(value: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(value).filter(([, item]) => item !== "" && item !== undefined && item !== null),
  );
}

/** What the server has against fields of the form; "/credentials/baseUrl" is the form's "/baseUrl". */
export function fieldErrors(error: unknown): FormErrors {
  if (!error) return {};
  return Object.fromEntries(
    problemOf(error)
      .errors.map(({ pointer, detail }) => [pointer.replace(/^\/credentials/, ""), detail])
      .filter(([pointer]) => pointer !== ""),
  );
}
