import { createHash, timingSafeEqual } from 'node:crypto'
import { ApiError } from './errors.ts'

const digest = (text: string): Buffer => createHash('sha256').update(text).digest()

/**
 * Checks the header `Authorization: Bearer KEY`. What is compared are digests, all of them to their ends, so that the time
 * it takes says nothing about keys. Without keys everybody is let in.
 *
 * @returns a check that throws ApiError 401
 */
export function keyCheck(keys: readonly string[]): (authorization: string | undefined) => void {
  const digests = keys.map(digest)
  return authorization => {
    const found = digest(/^Bearer +(.+)$/i.exec(authorization ?? '')?.[1] ?? '')
    const matches = digests.map(known => timingSafeEqual(known, found))
    if (keys.length === 0 || matches.includes(true)) return
    const problem = authorization === undefined ? 'No API key was given.' : 'The API key is not known here.'
    throw new ApiError(401, `${problem} Send the header "Authorization: Bearer KEY".`, {
      code: 'invalid_api_key',
    })
  }
}
