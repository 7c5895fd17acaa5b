import { quote, WeightsError } from '../error.ts'

/** A model of the hub, and which of its states: a branch, a tag, a pull request ("refs/pr/1") or a full commit. */
export interface ModelId {
  /** "org/name" */
  readonly id: string
  readonly revision: string
}

/** "org/name" or "org/name@revision", in the characters and without the runs that the hub allows. */
const MODEL_ID = /^(?<id>[\w.-]{1,96}\/[\w.-]{1,96})(?:@(?<revision>.+))?$/
const FORBIDDEN_IN_ID = /--|\.\.|(?:^|\/)[.-]|[.-](?:\/|$)/

const COMMIT = /^[0-9a-f]{40}$/

/**
 * Without a revision it is "main".
 *
 * @param otherwise what the text might have been meant as
 */
export function parseModelId(text: string, otherwise = 'a folder'): ModelId {
  const { id, revision = 'main' } = MODEL_ID.exec(text)?.groups ?? {}
  if (id === undefined || FORBIDDEN_IN_ID.test(id)) {
    throw new WeightsError(
      `${quote(text)}: is neither ${otherwise} nor a model id; give ${otherwise} or "org/name[@revision]".`,
    )
  }
  if (!isRevision(revision)) {
    throw new WeightsError(
      `${quote(text)}: ${quote(revision)} is not a revision; give a branch, a tag or a commit.`,
    )
  }
  return { id, revision }
}

/** As it is given to `--model`. */
export const formatModelId = ({ id, revision }: ModelId): string =>
  revision === 'main' ? id : `${id}@${revision}`

export const isCommit = (text: string): boolean => COMMIT.test(text)

/** A branch may have slashes ("refs/pr/1"), and becomes a path: every part of it is a plain name. */
const isRevision = (revision: string): boolean =>
  revision.split('/').every(part => /^\w[\w.+-]{0,95}$/.test(part))
