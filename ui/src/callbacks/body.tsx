import { useQuery } from "@tanstack/react-query";
import { callbackQuery } from "@/api/queries";
import { t } from "@/lib/text";
import { Revealable } from "@/redaction";
import { JsonView, Loaded, Skeleton } from "@/ui";

/** The body of one callback, fetched when it is looked at. */
export function CallbackBody({ id, size }: { id: number; size: number | null }) {
  const query = useQuery({ ...callbackQuery(id), enabled: size !== null });
  if (size === null)
    return <p className="text-muted text-sm">{t("It had no body, or the body was not kept.")}</p>;
  return (
    <Loaded
      query={query}
      compact
      skeleton={<Skeleton className="w-2/3" />}
      title={t("The body cannot be shown")}
    >
      {({ body, runId }) => (
        <Revealable place={{ runId, part: "callback", number: id }}>
          <JsonView value={body} />
        </Revealable>
      )}
    </Loaded>
  );
}
