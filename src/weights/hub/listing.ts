import { z } from 'zod'
import { quote, WeightsError } from '../error.ts'
import { isCommit } from './model-id.ts'

const listing = z.object({
  sha: z.string().refine(isCommit),
  siblings: z.array(z.object({ rfilename: z.string() })),
})

/**
 * What the hub answers when asked for the files of a model: the commit, and their paths.
 *
 * @param remedy for an answer that is none
 */
export function parseListing(text: string, endpoint: string, remedy: string): z.infer<typeof listing> {
  try {
    return listing.parse(JSON.parse(text))
  } catch {
    throw new WeightsError(
      `${endpoint}: answers ${quote(text.slice(0, 40))} where a list of files was asked for; ${remedy}.`,
    )
  }
}
