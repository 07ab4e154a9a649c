import { toastProblem } from "@/api/problem";
import { usePublish } from "@/api/queries";
import type { OrchestratorDetail } from "@/api/types";
import { t } from "@/lib/text";
import { toast } from "@/lib/toast";

/** Taking back what is published: every start runs the newest revision again. */
export function useUnpublish({ id, publishedRevision, revision }: OrchestratorDetail) {
  const publish = usePublish(id);
  // The screen may be another one by the time of the answer.
  const go = async (to: number | null, failed: string) => {
    try {
      await publish.mutateAsync({ revision: to });
      return true;
    } catch (error) {
      toastProblem(error, failed);
      return false;
    }
  };
  const unpublish = async () => {
    if (await go(null, t("It was not unpublished")))
      toast.success(t("Nothing is published any more"), {
        description: t("Every start runs the newest revision: now {revision}.", { revision }),
        action: {
          label: t("Undo"),
          onClick: () =>
            void go(
              publishedRevision,
              t("Revision {publishedRevision} was not published again", { publishedRevision }),
            ),
        },
      });
  };
  return { unpublish: () => void unpublish(), pending: publish.isPending };
}
