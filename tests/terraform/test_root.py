"""Who may do what, and what else the root module makes, read from an apply to a made-up AWS."""

import json
from concurrent.futures import Future
from fnmatch import fnmatch
from typing import Any

import pytest

from notifications.api.document import operations
from tests.terraform.conftest import Json, Made

Permissions = set[tuple[str, ...]]

USERS = "dynamodb:table/users"
NOTIFICATIONS = "dynamodb:table/notifications"
DUE = f"{NOTIFICATIONS}/index/Due"
BY_USER = f"{NOTIFICATIONS}/index/ByUser"
RATES = "dynamodb:table/rates"
KEY = "kms:key/key"
SIGNING_KEY = "kms:key/signing"
TOPIC = "sns:topic"
REFUSED = "sqs:refused"
APPLICATION = "sns:app/GCM/shop"
DEVICES = "sns:endpoint/GCM/shop/*"
# "Lambda quotas": all variables of a function's environment together, in bytes
MAX_ENVIRONMENT = 4096
# what variables.tf lets a catalogue take of it, with the category that is always there
MAX_CATALOGUE = 3000
# how long a variable may be; most are made up here, and shorter than they could be
LONGEST = {
    "POWERTOOLS_METRICS_NAMESPACE": 24,
    "PUSH_APPLICATIONS": 500,
    "EMAIL_CONFIGURATION_SET": 64,
    "EMAIL_FROM": 254,  # RFC 5321
    "_TABLE": 40,
    "_ID": 40,
    "_ARN": 90,
    "_ENDPOINT": 80,
    "_URL": 100,
}
BOUNDARY = "arn:aws:iam::000000000000:policy/bounds"
SCHEDULED = {"broadcast", "erase", "reconcile", "sweep"}


def may(resource: str, *actions: str) -> Permissions:
    return {(action, resource) for action in actions}


def key_for(*services: str, actions: tuple[str, ...] = ("kms:Decrypt", "kms:GenerateDataKey")) -> Permissions:
    """The customer key, but only by way of these services."""
    return {
        (action, KEY, f"StringEquals kms:ViaService {service}.eu-west-1.amazonaws.com")
        for action in actions
        for service in services
    }


# What each role may do: action, resource, and the condition where there is one.
PHONES = may("everything but arn:*:sns:*:*:*", "sns:Publish")
DELIVERY = (
    may(NOTIFICATIONS, "dynamodb:UpdateItem")
    | may(USERS, "dynamodb:GetItem", "dynamodb:UpdateItem")
    | may(RATES, "dynamodb:UpdateItem")
    | may(SIGNING_KEY, "kms:GenerateMac")
    | PHONES
)
ERASE = (
    may(DUE, "dynamodb:Query")
    | may(BY_USER, "dynamodb:Query")
    | may(USERS, "dynamodb:DeleteItem")
    | may(NOTIFICATIONS, "dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:UpdateItem")
    | may(TOPIC, "sns:ListSubscriptionsByTopic", "sns:Unsubscribe")
    | may(REFUSED, "sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:ReceiveMessage")
)


def erase_from(pool: str) -> Permissions:
    return may(f"cognito-idp:userpool/{pool}", "cognito-idp:AdminDeleteUser", "cognito-idp:AdminGetUser")


COMPARE = may(USERS, "dynamodb:BatchGetItem", "dynamodb:PutItem", "dynamodb:Scan") | may(
    NOTIFICATIONS,
    "dynamodb:BatchGetItem",
    "dynamodb:ConditionCheckItem",
    "dynamodb:GetItem",
    "dynamodb:PutItem",
    "dynamodb:UpdateItem",
)


def compare_with(pool: str) -> Permissions:
    return may(f"cognito-idp:userpool/{pool}", "cognito-idp:ListUsers")


ALWAYS: dict[str, Permissions] = {
    "api": may(USERS, "dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:UpdateItem")
    | may(NOTIFICATIONS, "dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem")
    | may(BY_USER, "dynamodb:Query")
    | may(RATES, "dynamodb:UpdateItem")
    | may(SIGNING_KEY, "kms:VerifyMac")
    | PHONES,
    "broadcast": may(DUE, "dynamodb:Query")
    | may(NOTIFICATIONS, "dynamodb:PutItem", "dynamodb:UpdateItem")
    | may(USERS, "dynamodb:ConditionCheckItem", "dynamodb:Scan"),
    "deliver": DELIVERY
    | may(
        f"{NOTIFICATIONS}/stream/now",
        "dynamodb:DescribeStream",
        "dynamodb:GetRecords",
        "dynamodb:GetShardIterator",
    )
    | may(f"{NOTIFICATIONS}/stream/*", "dynamodb:ListStreams")
    | may("sqs:deliver-failed", "sqs:SendMessage"),
    "enqueue": may(USERS, "dynamodb:ConditionCheckItem", "dynamodb:GetItem")
    | may(NOTIFICATIONS, "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem")
    | may("sqs:requests", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage")
    | may(REFUSED, "sqs:SendMessage"),
    "erase": ERASE | erase_from("pool"),
    "post-confirmation": may(USERS, "dynamodb:PutItem") | may(NOTIFICATIONS, "dynamodb:PutItem"),
    "sweep": DELIVERY | may(DUE, "dynamodb:Query"),
}
WITH_SES: dict[str, Permissions] = {
    **ALWAYS,
    "feedback": may(USERS, "dynamodb:UpdateItem")
    | may(NOTIFICATIONS, "dynamodb:GetItem", "dynamodb:UpdateItem")
    | may(REFUSED, "sqs:SendMessage"),
}
# where it is switched on
RECONCILE: dict[str, Permissions] = {"reconcile": COMPARE | compare_with("pool")}
SNS = may(TOPIC, "sns:GetSubscriptionAttributes", "sns:Publish", "sns:Unsubscribe") | {
    ("sns:Subscribe", TOPIC, "StringEquals sns:Protocol email")
}
KEYS: dict[str, Permissions] = {
    "api": key_for("dynamodb"),
    "broadcast": key_for("dynamodb"),
    "deliver": key_for("dynamodb", "sqs"),
    "enqueue": key_for("dynamodb", "sqs"),
    "erase": key_for("dynamodb", "sqs"),
    "post-confirmation": key_for("dynamodb"),
    "sweep": key_for("dynamodb"),
}


def ses(configuration_set: str) -> Permissions:
    """Sending as the identity, with this configuration set."""
    return {
        ("ses:SendEmail", f"ses:{resource}", "StringEquals ses:FromAddress no-reply@example.com")
        for resource in ("identity/example.com", f"configuration-set/{configuration_set}")
    }


def also(*parts: dict[str, Permissions]) -> dict[str, Permissions]:
    """All parts together, by role."""
    roles = {role for part in parts for role in part}
    return {role: set().union(*(part.get(role, set()) for part in parts)) for role in roles}


def both(permissions: Permissions) -> dict[str, Permissions]:
    """For the two functions that send."""
    return {"deliver": permissions, "sweep": permissions}


MEANT: dict[str, dict[str, Permissions]] = {
    "sns": also(ALWAYS, RECONCILE, both(SNS)),
    "ses_and_push": also(
        WITH_SES,
        RECONCILE,
        both(ses("own") | may(DEVICES, "sns:Publish")),
        {
            "api": may(
                APPLICATION, "sns:CreatePlatformEndpoint", "sns:DeleteEndpoint", "sns:SetEndpointAttributes"
            )
            | may(DEVICES, "sns:DeleteEndpoint", "sns:SetEndpointAttributes"),
            "erase": may(APPLICATION, "sns:DeleteEndpoint") | may(DEVICES, "sns:DeleteEndpoint"),
        },
    ),
    "ses_and_customer_key": also(
        WITH_SES, both(ses("notifications")), KEYS, {"feedback": key_for("dynamodb", "sqs")}
    ),
    "sns_and_customer_key": also(
        ALWAYS, RECONCILE, both(SNS | key_for("sns")), KEYS, {"reconcile": key_for("dynamodb")}
    ),
    "existing_user_pool": also(ALWAYS, RECONCILE, both(SNS))
    | {
        "erase": ERASE | erase_from("eu-west-1_existing"),
        "reconcile": COMPARE | compare_with("eu-west-1_existing"),
    },
}


def scheduled(case: str) -> set[str]:
    """The functions of a case that are called on a schedule."""
    return SCHEDULED & MEANT[case].keys()


in_each_case = pytest.mark.parametrize("case", MEANT)


@pytest.fixture(scope="module")
def made(root_made: Future[Made]) -> Made:
    """All resources, by case, after an apply to a made-up AWS."""
    return root_made.result()


@in_each_case
def test_each_function_may_do_what_it_must_and_nothing_else(made: Made, case: str) -> None:
    roles = {
        policy["role"].removeprefix("registration-"): allowed(policy)
        for policy in of_type(made[case], "aws_iam_role_policy")
    }

    assert roles == {
        **{
            f"{name}-schedule": may(f"lambda:function:{name}:live", "lambda:InvokeFunction")
            for name in scheduled(case)
        },
        **{
            name: meant | may(f"logs:log-group:{name}:*", "logs:CreateLogStream", "logs:PutLogEvents")
            for name, meant in MEANT[case].items()
        },
    }


@in_each_case
def test_no_role_has_a_policy_from_elsewhere(made: Made, case: str) -> None:
    types = {resource["type"] for resource in made[case]}

    assert not types & {"aws_iam_policy", "aws_iam_policy_attachment", "aws_iam_role_policy_attachment"}


@in_each_case
def test_only_its_own_service_takes_on_a_role(made: Made, case: str) -> None:
    trusts = {
        role["name"].removeprefix("registration-"): only_statement(role["assume_role_policy"])
        for role in of_type(made[case], "aws_iam_role")
    }

    for name in scheduled(case):
        schedule = trusts.pop(f"{name}-schedule")
        assert schedule["Principal"] == {"Service": "scheduler.amazonaws.com"}
        assert schedule["Condition"] == {
            "StringEquals": {"aws:SourceAccount": "000000000000"},
            "ArnEquals": {"aws:SourceArn": f"arn:aws:scheduler:eu-west-1:000000000000:schedule-group/{name}"},
        }
    assert set(trusts) == set(MEANT[case])
    assert all(trust["Principal"] == {"Service": "lambda.amazonaws.com"} for trust in trusts.values())


@in_each_case
def test_a_boundary_holds_for_every_role_or_there_is_none(made: Made, case: str) -> None:
    boundaries = {role["permissions_boundary"] for role in of_type(made[case], "aws_iam_role")}

    assert boundaries == {BOUNDARY if case == "ses_and_customer_key" else None}


@in_each_case
def test_only_the_senders_publish_and_subscribe(made: Made, case: str) -> None:
    statement = policy_of(made[case], "aws_sns_topic_policy", "arn:aws:sns:eu-west-1:000000000000:topic")
    assert statement["Effect"] == "Deny"
    assert statement["Principal"] == "*"
    assert statement["Action"] == ["sns:Publish", "sns:Subscribe"]
    assert statement["Condition"] == {
        "ArnNotEquals": {
            "aws:PrincipalArn": [f"arn:aws:iam::000000000000:role/{name}" for name in ("deliver", "sweep")]
        }
    }


@in_each_case
def test_each_function_is_called_by_its_own_source_alone(made: Made, case: str) -> None:
    permissions = {
        (
            f"{p['function_name'].removeprefix('registration-')}:{p['qualifier']}",
            p["principal"],
            p["source_arn"].split(":", 2)[2],
        )
        for p in of_type(made[case], "aws_lambda_permission")
    }

    here = "eu-west-1:000000000000"
    pool = "eu-west-1_existing" if case == "existing_user_pool" else "pool"
    meant = {
        ("api:live", "apigateway.amazonaws.com", f"execute-api:{here}:api/$default/*/*"),
        ("post-confirmation:live", "cognito-idp.amazonaws.com", f"cognito-idp:{here}:userpool/{pool}"),
    }
    if case.startswith("ses"):
        meant.add(("feedback:live", "sns.amazonaws.com", f"sns:{here}:email-events"))
    assert permissions == meant


@in_each_case
def test_whatever_calls_a_function_calls_the_version_that_was_published(made: Made, case: str) -> None:
    assert {function["publish"] for function in of_type(made[case], "aws_lambda_function")} == {True}
    versions = {f["function_name"]: f["version"] for f in of_type(made[case], "aws_lambda_function")}
    aliases = of_type(made[case], "aws_lambda_alias")
    assert {a["function_name"]: a["function_version"] for a in aliases} == versions

    (integration,) = of_type(made[case], "aws_apigatewayv2_integration")
    called = [
        integration["integration_uri"],
        *(
            pool["lambda_config"][0]["post_confirmation"]
            for pool in of_type(made[case], "aws_cognito_user_pool")
        ),
        *(mapping["function_name"] for mapping in of_type(made[case], "aws_lambda_event_source_mapping")),
        *(schedule["target"][0]["arn"] for schedule in of_type(made[case], "aws_scheduler_schedule")),
        *(subscription["endpoint"] for subscription in of_type(made[case], "aws_sns_topic_subscription")),
    ]
    # what calls it then is not Terraform's
    elsewhere = {"post-confirmation"} if case == "existing_user_pool" else set()
    assert sorted(called) == sorted(
        f"arn:aws:lambda:eu-west-1:000000000000:function:{name}:live"
        for name in MEANT[case].keys() - elsewhere
    )
    after = of_type(made[case], "aws_lambda_function_event_invoke_config")
    assert {config["qualifier"] for config in after} == {"live"}


@in_each_case
def test_each_function_is_told_what_it_needs_and_nothing_else(made: Made, case: str) -> None:
    told = {name: set(variables) for name, variables in environments(made[case]).items()}

    tables = {"NOTIFICATION_TABLE", "USER_TABLE"}
    every = tables | {"POWERTOOLS_METRICS_NAMESPACE", "POWERTOOLS_SERVICE_NAME"}
    rated = every | {"CATALOGUE", "CHANNEL_RATES", "EMAIL_DELIVERY", "RATE_TABLE", "TOKEN_KEY_ARN"}
    sending = rated | {"API_ENDPOINT", "NOTIFICATION_TOPIC_ARN"}
    if case.startswith("ses"):
        sending |= {"EMAIL_CONFIGURATION_SET", "EMAIL_FROM"}
    assert told == {
        "api": rated | {"PUSH_APPLICATIONS"},
        "broadcast": every,
        "deliver": sending,
        "enqueue": every | {"CATALOGUE", "REFUSED_QUEUE_URL"},
        "erase": every | {"NOTIFICATION_TOPIC_ARN", "REFUSED_QUEUE_URL", "USER_POOL_ID"},
        "post-confirmation": tables,
        "sweep": sending,
        **({"reconcile": every | {"EVERY_HOURS", "USER_POOL_ID"}} if "reconcile" in MEANT[case] else {}),
        **({"feedback": every} if case.startswith("ses") else {}),
    }


def test_the_rates_reach_all_that_send(made: Made) -> None:
    told = environments(made["ses_and_push"])

    for name in ("api", "deliver", "sweep"):
        assert json.loads(told[name]["CHANNEL_RATES"]) == {"Email": 14, "SMS": 0.5, "Push": 1000}


def test_the_catalogue_has_its_texts_for_the_api_alone(made: Made) -> None:
    told = environments(made["ses_and_push"])
    rules = {
        "account": {"channels": [], "critical": True, "good_for_hours": 96},
        "orders": {"channels": ["Email", "SMS"], "critical": False, "good_for_hours": 72},
    }
    texts = {
        "account": {"name": "Account", "description": "Messages about your account."},
        "orders": {"name": "Orders", "description": "What became of them."},
    }

    for name in ("deliver", "enqueue", "sweep"):
        assert json.loads(told[name]["CATALOGUE"]) == rules
    assert json.loads(told["api"]["CATALOGUE"]) == {key: rules[key] | texts[key] for key in rules}


@in_each_case
def test_the_environment_has_room_for_the_largest_catalogue(made: Made, case: str) -> None:
    for name, variables in environments(made[case]).items():
        rest = {key: value.ljust(longest(key), "x") for key, value in variables.items()} | {"CATALOGUE": ""}
        assert as_lambda_counts(rest) <= MAX_ENVIRONMENT - MAX_CATALOGUE, name


@pytest.mark.parametrize(
    ("case", "name"), [("ses_and_push", "own"), ("ses_and_customer_key", "notifications")]
)
def test_bounces_are_heard_of_by_the_configuration_set_that_is_sent_with(
    made: Made, case: str, name: str
) -> None:
    told = environments(made[case])
    (destination,) = of_type(made[case], "aws_sesv2_configuration_set_event_destination")
    (subscription,) = of_type(made[case], "aws_sns_topic_subscription")

    assert {told[sender]["EMAIL_CONFIGURATION_SET"] for sender in ("deliver", "sweep")} == {name}
    assert destination["configuration_set_name"] == name
    assert set(destination["event_destination"][0]["matching_event_types"]) == {"BOUNCE", "COMPLAINT"}
    assert destination["event_destination"][0]["sns_destination"][0]["topic_arn"] == subscription["topic_arn"]
    assert subscription["endpoint"].endswith(":function:feedback:live")
    assert policy_of(made[case], "aws_sns_topic_policy", subscription["topic_arn"])["Condition"] == {
        "StringEquals": {
            "aws:SourceAccount": "000000000000",
            "aws:SourceArn": f"arn:aws:ses:eu-west-1:000000000000:configuration-set/{name}",
        }
    }


@pytest.mark.parametrize("case", [case for case in MEANT if case.startswith("ses")])
def test_what_ses_tells_is_kept_when_it_could_not_be_taken(made: Made, case: str) -> None:
    (after,) = [
        config
        for config in of_type(made[case], "aws_lambda_function_event_invoke_config")
        if config["function_name"] == "registration-feedback"
    ]

    # Lambda's maximum
    assert (after["maximum_event_age_in_seconds"], after["maximum_retry_attempts"]) == (6 * 60 * 60, 2)
    assert after["destination_config"][0]["on_failure"] == [
        {"destination": "arn:aws:sqs:eu-west-1:000000000000:refused"}
    ]


@in_each_case
def test_the_next_tick_is_the_retry_of_a_schedule(made: Made, case: str) -> None:
    configs = {
        config["function_name"].removeprefix("registration-"): config
        for config in of_type(made[case], "aws_lambda_function_event_invoke_config")
    }

    assert configs.keys() - {"feedback"} == scheduled(case)
    for name in scheduled(case):
        assert configs[name]["maximum_retry_attempts"] == 0
        assert configs[name]["maximum_event_age_in_seconds"] == 60


def test_with_an_existing_pool_there_is_no_other_and_no_client(made: Made) -> None:
    for kind in ("aws_cognito_user_pool", "aws_cognito_user_pool_client"):
        assert len(of_type(made["sns"], kind)) == 1
        assert of_type(made["existing_user_pool"], kind) == []
    told = environments(made["existing_user_pool"])
    assert told["erase"]["USER_POOL_ID"] == "eu-west-1_existing"


def test_another_way_for_email_leaves_all_that_holds_data_as_it_is(made: Made) -> None:
    """Unchanged in every attribute: so Terraform has nothing to replace, to destroy or to update."""
    kept = {
        "aws_cloudwatch_log_group",
        "aws_cognito_user_pool",
        "aws_cognito_user_pool_client",
        "aws_dynamodb_table",
        "aws_kms_key",
        "aws_sns_topic",
        "aws_sqs_queue",
    }
    by_sns, by_ses = (
        {resource["address"]: resource["values"] for resource in made[case] if resource["type"] in kept}
        for case in ("sns", "ses_and_push")
    )

    assert {address: by_ses.get(address) for address in by_sns} == by_sns
    assert {address.split("[")[0] for address in by_ses.keys() - by_sns.keys()} == {
        "module.feedback",
        "module.ses_feedback",
    }


@in_each_case
def test_nobody_signs_and_verifies_but_the_functions_that_must(made: Made, case: str) -> None:
    (policy,) = of_type(made[case], "aws_kms_key_policy")
    look_after, sign, verify = json.loads(policy["policy"])["Statement"]

    for action in ("kms:GenerateMac", "kms:VerifyMac", "kms:CreateGrant"):
        assert not any(fnmatch(action, pattern) for pattern in look_after["Action"])
    # who could not change the policy would have lost the key
    assert "kms:Put*" in look_after["Action"]
    assert {s["Principal"]["AWS"] for s in (look_after, sign, verify)} == {"arn:aws:iam::000000000000:root"}
    roles = "arn:aws:iam::000000000000:role"
    for statement, action, allowed_roles in (
        (sign, "kms:GenerateMac", [f"{roles}/deliver", f"{roles}/sweep"]),
        (verify, "kms:VerifyMac", [f"{roles}/api"]),
    ):
        assert statement["Action"] == action
        assert statement["Condition"] == {"ArnEquals": {"aws:PrincipalArn": allowed_roles}}


@in_each_case
def test_the_routes_are_those_documented_and_want_a_token_where_it_is_said(made: Made, case: str) -> None:
    routes = of_type(made[case], "aws_apigatewayv2_route")
    (authorizer,) = of_type(made[case], "aws_apigatewayv2_authorizer")

    assert {(r["route_key"], r["authorization_type"], r["authorizer_id"]) for r in routes} == {
        (f"{op.method} {op.path}", *(("JWT", "authorizer") if op.signed_in else ("NONE", None)))
        for op in operations()
    }
    assert authorizer["authorizer_type"] == "JWT"
    (whose,) = authorizer["jwt_configuration"]
    assert (set(whose["audience"]), whose["issuer"]) == (
        ({"web", "phone"}, "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_existing")
        if case == "existing_user_pool"
        else ({"client"}, "https://cognito-idp.eu-west-1.amazonaws.com/pool")
    )


@in_each_case
def test_the_access_log_holds_nothing_personal_and_calls_are_throttled(made: Made, case: str) -> None:
    (stage,) = of_type(made[case], "aws_apigatewayv2_stage")

    # the page "Customize HTTP API access logs" lists what could be logged: these say nothing of a person
    assert set(json.loads(stage["access_log_settings"][0]["format"]).values()) == {
        "$context.integrationErrorMessage",
        "$context.requestId",
        "$context.responseLatency",
        "$context.routeKey",
        "$context.status",
    }
    (settings,) = stage["default_route_settings"]
    assert (settings["throttling_rate_limit"], settings["throttling_burst_limit"]) == (50, 100)


def test_browsers_of_other_sites_are_let_in_only_if_they_are_named(made: Made) -> None:
    (closed,) = of_type(made["sns"], "aws_apigatewayv2_api")
    (opened,) = of_type(made["ses_and_push"], "aws_apigatewayv2_api")

    assert closed["cors_configuration"] == []
    (cors,) = opened["cors_configuration"]
    assert cors["allow_origins"] == ["https://app.example.com"]
    assert set(cors["allow_methods"]) == {"DELETE", "GET", "POST", "PUT"}
    assert not cors["allow_credentials"]


@in_each_case
def test_a_request_is_hidden_for_six_times_as_long_as_it_may_take(made: Made, case: str) -> None:
    (queue,) = [q for q in of_type(made[case], "aws_sqs_queue") if q["name"].endswith("-requests")]
    (function,) = [
        f for f in of_type(made[case], "aws_lambda_function") if f["function_name"].endswith("-enqueue")
    ]

    assert queue["visibility_timeout_seconds"] == 6 * function["timeout"]


@in_each_case
def test_a_long_queue_leaves_the_accounts_concurrency_to_sign_ups(made: Made, case: str) -> None:
    mappings = of_type(made[case], "aws_lambda_event_source_mapping")
    assert [m["scaling_config"] for m in mappings if ":sqs:" in m["event_source_arn"]] == [
        [{"maximum_concurrency": 10}]
    ]


@in_each_case
def test_the_rows_of_a_shard_do_not_wait_for_one_another(made: Made, case: str) -> None:
    mappings = of_type(made[case], "aws_lambda_event_source_mapping")
    assert [m["parallelization_factor"] for m in mappings if "/stream/" in m["event_source_arn"]] == [10]


@in_each_case
def test_nothing_personal_lies_unencrypted_unprotected_or_for_ever(made: Made, case: str) -> None:
    for table in of_type(made[case], "aws_dynamodb_table"):
        assert table["server_side_encryption"][0]["enabled"]
        assert table["point_in_time_recovery"][0]["enabled"]
        assert table["deletion_protection_enabled"]
    for pool in of_type(made[case], "aws_cognito_user_pool"):
        assert pool["deletion_protection"] == "ACTIVE"
    for queue in of_type(made[case], "aws_sqs_queue"):
        assert queue["sqs_managed_sse_enabled"] is True or queue["kms_master_key_id"]
    assert {group["retention_in_days"] for group in of_type(made[case], "aws_cloudwatch_log_group")} == {30}


def allowed(policy: Json) -> Permissions:
    """A policy as (action, resource) or (action, resource, condition), each ARN without its beginning."""
    found: Permissions = set()
    for statement in json.loads(policy["policy"])["Statement"]:
        assert statement["Effect"] == "Allow"
        conditions = [
            f"{test} {variable} {value}"
            for test, variables in statement.get("Condition", {}).items()
            for variable, values in variables.items()
            for value in values
        ]
        excepted = [f"everything but {resource}" for resource in statement.get("NotResource", [])]
        named = []
        for resource in statement.get("Resource", []):
            assert resource.startswith("arn:aws:"), "each resource is named"
            _, _, service, _, _, name = resource.split(":", 5)
            named.append(f"{service}:{name}")
        found |= {
            (action, resource, *([condition] if condition else []))
            for action in statement["Action"]
            for resource in named + excepted
            for condition in conditions or [""]
        }
    return found


def only_statement(policy: str) -> Json:
    (statement,) = json.loads(policy)["Statement"]
    return dict(statement)


def policy_of(resources: list[Json], kind: str, arn: str) -> Json:
    """The one statement of a resource's policy."""
    (policy,) = [policy for policy in of_type(resources, kind) if policy["arn"] == arn]
    return only_statement(policy["policy"])


def as_lambda_counts(value: Any) -> int:
    """The bytes of a value as JSON: a text that is JSON has each of its quotes escaped."""
    return len(json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode())


def longest(variable: str) -> int:
    return next((length for end, length in LONGEST.items() if variable.endswith(end)), 0)


def environments(resources: list[Json]) -> dict[str, dict[str, str]]:
    """What each function is told."""
    return {
        function["function_name"].removeprefix("registration-"): function["environment"][0]["variables"]
        for function in of_type(resources, "aws_lambda_function")
    }


def of_type(resources: list[Json], kind: str) -> list[Json]:
    """What was made of a type; what was only read is not in it."""
    return [r["values"] for r in resources if r["type"] == kind and r["mode"] == "managed"]
