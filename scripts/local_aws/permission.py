"""Whether somebody may do something that MiniStack does for them without asking.

Rule: "Working with resource-based IAM policies in Lambda": a service needs a statement that names its
principal, and a condition on the source holds for the resource on whose behalf it calls; what is said of the
function is not said of its aliases. Of MiniStack's own callers neither Cognito's triggers nor API Gateway nor
SNS asks, and what acts as a role is not held to what the role may do.
"""

from __future__ import annotations

from ministack.core.iam_evaluator import (
    EvalContext,
    _gather_role_policies,
    evaluate,
    evaluate_resource_policy,
)
from ministack.services import lambda_svc


def may_invoke(function_arn: str, principal: str, source_arn: str) -> bool:
    """Whether the function exists and its policy lets this service invoke it on behalf of the source."""
    found = lambda_svc.function_policy_for_arn(function_arn)
    if found is None or lambda_svc._get_func_record_for_ref(function_arn)[0] is None:
        return False
    region, account = source_arn.split(":")[3:5]
    # The caller is the service itself: only a statement for it, or for everybody, counts.
    context = EvalContext(
        principal_arn="*",
        principal_type="Service",
        principal_account="",
        action="lambda:InvokeFunction",
        resource_arn=function_arn,
        region=region,
        service_context={"aws:sourcearn": source_arn, "aws:sourceaccount": account},
    )
    return bool(evaluate_resource_policy(found[0], context, service=principal).decision == "Allow")


def role_may(role: str, action: str, resource: str) -> bool:
    """Whether a role's own policies allow an action."""
    account = role.split(":")[4]
    context = EvalContext(
        principal_arn=role,
        principal_type="AssumedRole",
        principal_account=account,
        action=action,
        resource_arn=resource,
        region=resource.split(":")[3],
    )
    policies = _gather_role_policies(role.rpartition("/")[2], account)
    return bool(evaluate(context, policies).decision == "Allow")
