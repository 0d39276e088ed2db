import Type from 'typebox'
import { batch, optional, uuid } from './values.ts'

export const fetchEcosystemMatricesRequest = Type.Object({
  ecosystem_matrix_requests: batch(
    Type.Object({
      request_uuid: uuid,
      ecosystem_uuid: optional(uuid),
      ecosystem_matrix_uuid: optional(uuid),
    }),
    10,
  ),
})

const numbers = Type.Array(Type.Number())
export const fetchEcosystemMatricesResponse = Type.Object({
  ecosystem_matrix_responses: Type.Array(
    Type.Object({
      request_uuid: uuid,
      ecosystem_uuid: uuid,
      ecosystem_matrix_uuid: uuid,
      Q_ids: Type.Array(uuid),
      C_ids: Type.Array(Type.String()),
      d_data: numbers,
      W_data: numbers,
      W_row: numbers,
      W_col: numbers,
      H_mask_data: Type.Array(Type.Unknown()),
      H_mask_row: numbers,
      H_mask_col: numbers,
      made_by: Type.Unknown(),
    }),
  ),
})
